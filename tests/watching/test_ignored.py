"""Films that are not extracted without being asked for: shown with the reason, and taken when somebody names them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from framed.ctl.client import connect
from framed.protocol.messages import ProjectState, Submit, SubmitReply
from framed.protocol.queries import FilmState, Projects, ProjectsReply
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, IGNORED, NEW = ProjectState.COMPLETE, ProjectState.IGNORED, ProjectState.NEW


def watching(more: str) -> str:
    """Settings with these for `watch`."""
    return QUICK.replace("settle_scans: 2", f"settle_scans: 2, {more}")


def films(root: Root, project: str) -> dict[str, tuple[FilmState, str]]:
    with connect(root.places) as daemon:
        reply = daemon.call("projects", Projects(), ProjectsReply)
    [found] = [each for each in reply.projects if each.name == project]
    return {film.name: (film.state, film.reason) for film in found.films}


def submit_all(root: Root) -> list[str]:
    """The projects that it was for."""
    with connect(root.places) as daemon:
        reply = daemon.call("submit", Submit(every=True, key=uuid.uuid4().hex), SubmitReply)
    return [each.project for each in reply.outcomes]


def test_sample_beside_its_film_is_left_out_until_the_project_is_named(root: Root) -> None:
    """Retrying what failed and submitting all that is left are no such thing; of trailers alone nothing is left out."""
    root.film("onward", "exit 65 1", name="onward.mkv")
    root.film("onward", name="Onward-SAMPLE.mkv")
    root.film("teaser", name="trailer.mp4")
    root.start()
    root.wait_for("onward", ProjectState.FAILED)
    assert root.wait_for("teaser", COMPLETE).frames == 1
    ignored = (FilmState.IGNORED, "its name has the word sample")
    assert films(root, "onward") == {"onward.mkv": (FilmState.FAILED, ""), "Onward-SAMPLE.mkv": ignored}
    assert submit_all(root) == ["onward"]
    assert root.wait_for("onward", COMPLETE).reason == ""
    assert films(root, "onward") == {"onward.mkv": (FilmState.EXTRACTED, ""), "Onward-SAMPLE.mkv": ignored}
    assert submit_all(root) == []
    (root.places.films_dir("onward") / "onward.mkv").unlink()
    until(lambda: len(films(root, "onward")) == 1, "the film is deleted, to make room")
    assert films(root, "onward") == {"Onward-SAMPLE.mkv": ignored}
    root.submit("onward")
    until(lambda: films(root, "onward")["Onward-SAMPLE.mkv"] == (FilmState.EXTRACTED, ""), "the sample is extracted")


def test_cancelling_a_job_decides_nothing_of_the_films_that_it_left_out(root: Root) -> None:
    """What was cancelled is not submitted again by itself, and `--all` submits it; the sample is ignored as before."""
    gate = root.places.root / "gate"
    root.film("busy", f"wait {gate}")
    root.places.settings_file.write_text(QUICK.replace("max_active: 4", "max_active: 1"))
    root.start()
    root.wait_for("busy", ProjectState.RUNNING)
    root.film("onward", name="onward.mkv")
    root.film("onward", name="onward-sample.mkv")
    root.wait_for("onward", ProjectState.QUEUED)
    root.cancel("onward")
    assert {name: state for name, (state, _) in films(root, "onward").items()} == {
        "onward.mkv": FilmState.CANCELLED,
        "onward-sample.mkv": FilmState.IGNORED,
    }
    gate.touch()


def test_short_film_is_left_out_and_reported(new_root: Callable[..., Root]) -> None:
    """A project of which nothing is extracted is IGNORED, with what to type; other settings are applied when read."""
    root = new_root(watching("min_duration_s: 30"))
    root.film("ident", "length 12", name="logo.mp4")
    root.start()
    status = root.wait_for("ident", IGNORED)
    assert status.reason == (
        "logo.mp4 is ignored: it is 12.0 s long, less than watch.min_duration_s 30; "
        "framectl submit ident extracts it all the same"
    )
    assert submit_all(root) == []
    root.submit("ident")
    root.wait_for("ident", COMPLETE)


def test_list_of_the_user_is_obeyed_to_the_letter(new_root: Callable[..., Root]) -> None:
    """Also where it leaves nothing of a project."""
    root = new_root(watching('ignore: ["*extras*", making of]'))
    for name in ("sample.mkv", "Making Of.mkv"):
        root.film(name[0], name=name)
    root.film("e", name="EXTRAS 2.mkv")
    root.start()
    root.wait_for("s", COMPLETE)
    assert root.wait_for("M", IGNORED).reason.startswith("Making Of.mkv is ignored: its name has the word making of;")
    assert root.wait_for("e", IGNORED).reason.startswith("EXTRAS 2.mkv is ignored: its name fits *extras*;")


def test_new_film_waits_for_the_user_where_nothing_is_submitted_by_itself(new_root: Callable[..., Root]) -> None:
    """It shows as NEW; one that cannot be opened says why, once it has been given up."""
    root = new_root(watching("auto_submit: false, give_up_s: 0.5"))
    root.film("onward")
    root.film("broken", "unopenable")
    root.start()
    assert root.wait_for("onward", NEW).reason == ""
    assert root.wait_for("broken", NEW).reason == "film.mp4 cannot be opened (an MP4 without its index (moov))"
    assert not root.layout("onward").control.exists()
    root.submit("onward")
    root.wait_for("onward", COMPLETE)
