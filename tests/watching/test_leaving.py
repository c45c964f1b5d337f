"""Films, projects and disks that go away, or are called something else: nothing is extracted twice, nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from framed.ctl.client import CallFailed
from framed.protocol.messages import ProjectState, Submitted
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import QUICK, Root
from tests.harness.until import until

CANCELLED, COMPLETE, FAILED = ProjectState.CANCELLED, ProjectState.COMPLETE, ProjectState.FAILED
QUEUED, RUNNING = ProjectState.QUEUED, ProjectState.RUNNING

ONE_AT_A_TIME = QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1")


def n_jobs(root: Root) -> dict[str, int]:
    """Project -> how many jobs it ever had."""
    with closing(sqlite3.connect(root.places.store)) as db:
        return dict(db.execute("SELECT project, count(*) FROM jobs GROUP BY project"))


def has_scanned(root: Root, marker: str) -> None:
    """The disk has been scanned since this was called, and the catalog is of that scan."""
    root.film(marker)
    root.wait_for(marker, COMPLETE)


def test_film_that_is_deleted_in_the_queue_ends_its_job_and_says_why(new_root: Callable[..., Root]) -> None:
    """It holds up nobody, and is queued anew when it comes back."""
    root = new_root(ONE_AT_A_TIME)
    gate = root.places.root / "gate"
    root.film("a", f"wait {gate}")
    root.start()
    root.wait_for("a", RUNNING)
    film = root.film("b")
    root.wait_for("b", QUEUED)
    away = film.rename(root.places.root / "away")
    until(lambda: (now := root.status("b")) and now.films == 0, "its absence is seen")
    gate.touch()
    status = root.wait_for("b", CANCELLED, FAILED)
    assert status.reason == f"no film is left in {film.parent}"
    assert root.attempts("b") == []
    away.rename(film)
    root.wait_for("b", COMPLETE)
    assert len(root.attempts("b")) == 1


def test_film_that_is_deleted_while_it_runs_is_extracted_to_its_end(root: Root) -> None:
    """The real extractor, which has it open; its images stay, and nothing more is said or done."""
    film = root.places.films_dir("reel") / "reel.mp4"
    film.parent.mkdir()
    write_film(film, FilmPlan(n_frames=480))
    root.start(real=True)
    until(lambda: list(root.layout("reel").frames_dir.rglob("*.jpg")), "images appear")
    extractor = root.extractor("reel")
    os.kill(extractor.pid, signal.SIGSTOP)
    film.unlink()
    os.kill(extractor.pid, signal.SIGCONT)
    status = root.wait_for("reel", COMPLETE, FAILED)
    assert (status.state, status.attempt) == (COMPLETE, 1)
    until(lambda: (now := root.status("reel")) and now.films == 0, "its absence is seen")
    after = root.wait_for("reel", COMPLETE)
    assert (after.frames, after.reason) == (status.frames, "")
    assert n_jobs(root) == {"reel": 1}


def test_project_that_is_renamed_is_a_new_one_and_the_old_one_keeps_its_images(root: Root) -> None:
    """Its dataset has its name. A film that is renamed within its project stays what it is."""
    film = root.film("onward")
    root.start()
    before = root.wait_for("onward", COMPLETE)
    film = film.rename(film.with_name("another name.MKV"))
    has_scanned(root, "marker")
    assert root.wait_for("onward", COMPLETE).job_id == before.job_id
    film.parent.rename(root.places.films_dir("forward"))
    root.wait_for("forward", COMPLETE)
    has_scanned(root, "another-marker")
    after = root.wait_for("onward", COMPLETE)
    assert (after.job_id, after.frames, after.reason) == (before.job_id, before.frames, "")
    assert n_jobs(root) == {"onward": 1, "forward": 1, "marker": 1, "another-marker": 1}


def test_folder_that_may_not_be_read_is_reported_and_forgets_nothing(root: Root) -> None:
    """Neither a new project nor one that is extracted; the others are scanned as ever."""
    old = root.film("old").parent
    # Root may read everything, unless it is made to do without that.
    as_anybody = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
    root.start(within=as_anybody if os.getuid() == 0 else ())
    before = root.wait_for("old", COMPLETE)
    new = root.film("new", name="film.part").parent
    folders = (old, new)
    try:
        for folder in folders:
            folder.chmod(0)
        for folder in folders:
            words = f"{folder} cannot be read: Permission denied"
            until(lambda: (now := root.status(folder.name)) and now.reason == words, words)  # noqa: B023 -- called at once
        has_scanned(root, "marker")
        status = root.wait_for("old", COMPLETE)
        assert (status.job_id, status.frames, status.films) == (before.job_id, before.frames, 1)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    (new / "film.part").rename(new / "film.mkv")
    root.wait_for("new", COMPLETE)
    until(lambda: (now := root.status("old")) and not now.reason, "nothing is said of it")
    assert n_jobs(root) == {"old": 1, "new": 1, "marker": 1}


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_root_that_goes_away_freezes_everything_and_comes_back_as_it_was(
    new_root: Callable[..., Root], how: str
) -> None:
    """What runs goes on, what is queued waits, a submit is refused; nothing is extracted again."""
    root = new_root(ONE_AT_A_TIME)
    gate = root.places.root / "gate"
    root.film("done")
    root.start()
    done = root.wait_for("done", COMPLETE)
    root.film("running", f"wait {gate}")
    root.wait_for("running", RUNNING)
    # It has read its film, and does not miss the folder.
    root.extractor("running")
    root.film("queued")
    root.wait_for("queued", QUEUED)
    raw_videos = root.places.raw_videos
    away = raw_videos.rename(root.places.root / "away")
    if how == "empty":
        raw_videos.mkdir()
    [notice] = until(root.notices, "there is a notice")
    words = "is empty, or its disk is not mounted" if how == "empty" else "cannot be read: No such file or directory"
    assert (
        notice == f"{raw_videos} {words}; until it is back no job is started, and what is known of the projects is kept"
    )
    with pytest.raises(CallFailed, match=str(raw_videos)):
        root.submit("unheard-of")
    assert {name: each.state for name, each in root.statuses().items()} == {
        "done": COMPLETE,
        "running": RUNNING,
        "queued": QUEUED,
    }
    if how == "empty":
        raw_videos.rmdir()
    away.rename(raw_videos)
    until(lambda: not root.notices(), "nothing is said of it")
    gate.touch()
    for name in ("running", "queued"):
        root.wait_for(name, COMPLETE)
    has_scanned(root, "marker")
    assert root.wait_for("done", COMPLETE).job_id == done.job_id
    assert n_jobs(root) == {"done": 1, "running": 1, "queued": 1, "marker": 1}
    assert [len(root.attempts(name)) for name in ("done", "running", "queued")] == [1, 1, 1]


def test_films_that_were_added_while_the_root_was_away_are_found_when_it_is_back(root: Root, tmp_path: Path) -> None:
    """A disk that was taken elsewhere; what was on it before is not extracted again."""
    root.film("old")
    root.start()
    before = root.wait_for("old", COMPLETE)
    away = root.places.raw_videos.rename(tmp_path / "away")
    until(root.notices, "there is a notice")
    (away / "new").mkdir()
    (away / "new" / "film.mkv").write_text("a new film")
    away.rename(root.places.raw_videos)
    root.wait_for("new", COMPLETE)
    assert root.wait_for("old", COMPLETE).job_id == before.job_id
    [outcome] = root.submit("old").outcomes
    assert outcome.outcome is Submitted.ALREADY_COMPLETE
