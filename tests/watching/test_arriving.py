"""Films on their way in: copied, downloaded, moved, replaced before they begin. Each is extracted once, and whole."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.results import Results
from framed.protocol.messages import ProjectState
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, QUEUED, RUNNING = ProjectState.COMPLETE, ProjectState.QUEUED, ProjectState.RUNNING

SETTLE_S = 2.0
"""A copy may pause for this long without being taken for whole."""
PATIENT = QUICK.replace("settle_s: 0.1", f"settle_s: {SETTLE_S}")
ONE_AT_A_TIME = QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1")
PIECES = 15
LONG_AGO_S = 1_000_000_000
"""Of the wall clock: a file that is copied with its time, or moved, has one of its own."""


def extracted(root: Root, project: str) -> set[str]:
    """The fingerprints in the project's results."""
    found = msgspec.json.decode(root.layout(project).results.read_bytes(), type=Results)
    return {film.fingerprint for film in found.films if film.status == "complete"}


def is_extracted_once(root: Root, film: Path) -> None:
    """That film, as it is now, and nothing else of its project; in one attempt."""
    project = film.parent.name
    root.wait_for(project, COMPLETE)
    assert extracted(root, project) == {film_fingerprint(film)}
    assert len(root.attempts(project)) == 1


@pytest.mark.parametrize("polling", ["false", "true"])
def test_film_that_is_copied_slowly_is_extracted_when_it_is_complete(
    new_root: Callable[..., Root], polling: str
) -> None:
    """It grows, or has its size from the beginning, or is given the old time of its original at the end.

    On a machine that held the copy itself up for as long as a film takes to settle, it is copied once more.
    """
    root = new_root(PATIENT.replace("settle_scans: 2", f"settle_scans: 2, force_polling: {polling}"))
    root.start()
    for number in range(5):
        films = [root.film(f"{name}-{number}") for name in ("grows", "preallocated", "with-its-time")]
        if copied_slowly(root, *films) < SETTLE_S * 0.75:
            break
    else:
        pytest.fail("this machine holds every copy up")
    os.utime(films[2], (LONG_AGO_S, LONG_AGO_S))
    for film in films:
        is_extracted_once(root, film)


def copied_slowly(root: Root, *films: Path) -> float:
    """The films, of which the second has its size from the beginning, are as long as they are to be; returns for how
    long it stood still at most, in seconds.
    """
    first, preallocated, _ = films
    pieces = [[f"{film} {number}\n".encode() for number in range(PIECES)] for film in films]
    os.truncate(preallocated, len(preallocated.read_bytes()) + sum(map(len, pieces[1])))
    at = [film.stat().st_size for film in films]
    at[1] -= sum(map(len, pieces[1]))
    longest_s, reasons = 0.0, set()
    for number in range(PIECES):
        began_s = time.monotonic()
        for nth, film in enumerate(films):
            with film.open("r+b") as file:
                file.seek(at[nth])
                at[nth] += file.write(pieces[nth][number])
        time.sleep(SETTLE_S / 10)
        if (status := root.status(first.parent.name)) is not None:
            reasons.add(status.reason)
        attempts = root.attempts(first.parent.name)
        longest_s = max(longest_s, time.monotonic() - began_s)
        assert not attempts or longest_s >= SETTLE_S * 0.75
    assert any(reason.startswith("settling: film.mp4 unchanged for ") for reason in reasons)
    return longest_s


def test_film_that_is_downloaded_is_none_until_it_has_its_name(root: Root) -> None:
    root.start()
    names = ["film.mkv.part", "film.mkv.crdownload", "film.mkv.!qB", "film.mkv.tmp", ".film.mkv", "~film.mkv"]
    parts = [root.film(f"project{number}", name=name) for number, name in enumerate(names)]
    root.film("marker")
    root.wait_for("marker", COMPLETE)
    statuses = root.statuses()
    assert {statuses[part.parent.name].reason for part in parts} == {"no film in it"}
    for part in parts:
        is_extracted_once(root, part.rename(part.with_name("film.mkv")))


def test_film_that_is_moved_in_is_extracted_though_its_time_is_old(root: Root) -> None:
    """Alone, and with its whole folder: the films of that are one job."""
    root.start()
    away = root.places.root / "elsewhere"
    (away / "series").mkdir(parents=True)
    for path in (away / "film.mkv", *(away / "series" / f"e{number}.mkv" for number in range(3))):
        path.write_text(f"\n{uuid.uuid4()}\n")
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    root.places.films_dir("alone").mkdir()
    alone = (away / "film.mkv").rename(root.places.films_dir("alone") / "film.mkv")
    series = (away / "series").rename(root.places.films_dir("series"))
    is_extracted_once(root, alone)
    root.wait_for("series", COMPLETE)
    assert extracted(root, "series") == {film_fingerprint(film) for film in series.iterdir()}
    assert len(root.attempts("series")) == 1


def test_film_that_is_replaced_in_the_queue_is_extracted_as_it_is_when_it_begins(new_root: Callable[..., Root]) -> None:
    """By another file, or overwritten in its place; the one that was queued leaves no trace."""
    root = new_root(ONE_AT_A_TIME)
    gate = root.places.root / "gate"
    root.film("a", f"wait {gate}")
    root.start()
    root.wait_for("a", RUNNING)
    films = [root.film(name) for name in ("b", "c")]
    jobs = {film.parent.name: root.wait_for(film.parent.name, QUEUED).job_id for film in films}
    root.film("b", name="new.part").rename(films[0])
    root.film("c")
    gate.touch()
    for film in films:
        is_extracted_once(root, film)
    assert {name: root.wait_for(name, COMPLETE).job_id for name in jobs} == jobs


def test_film_that_was_replaced_just_before_it_was_read_is_decided_as_what_was_read(root: Root) -> None:
    """Its job is the only one, also when its images are deleted afterwards: that is a user's to undo."""
    gate = root.places.root / "gate"
    film = root.film("a", f"wait {gate}")
    root.start()
    # The stand-in takes the fingerprint at its end, as if it had begun after the film was replaced.
    root.extractor("a")
    root.film("a")
    gate.touch()
    is_extracted_once(root, film)
    until(lambda: (now := root.status("a")) and now.films == 1 and now.progress == 1.0, "the results were read")
    shutil.rmtree(root.layout("a").frames_dir.parent)
    until(lambda: (now := root.status("a")) and "its results are gone" in now.reason, "their absence is noticed")
    marker = root.film("marker")
    is_extracted_once(root, marker)
    status = root.wait_for("a", COMPLETE)
    assert "its results are gone" in status.reason


def test_film_in_two_projects_has_images_in_both(root: Root) -> None:
    """Each project is a dataset of its own."""
    film = root.film("one")
    root.start()
    root.places.films_dir("two").mkdir()
    copy = Path(shutil.copy2(film, root.places.films_dir("two")))
    for each in (film, copy):
        is_extracted_once(root, each)
    assert len(list(root.places.frames_dir("two").glob("*.jpg"))) == 1


def test_what_only_has_a_films_name_is_skipped_and_a_link_to_a_film_is_not(root: Root, tmp_path: Path) -> None:
    """None of it holds up the daemon; a film may lie on another disk."""
    folder = root.film("odd", name="good.mkv").parent
    elsewhere = tmp_path / "linked.mkv"
    elsewhere.write_text(f"\n{uuid.uuid4()}\n")
    (folder / "linked.mkv").symlink_to(elsewhere)
    (folder / "dangling.mkv").symlink_to("/nowhere/film.mkv")
    (folder / "itself.mkv").symlink_to("itself.mkv")
    (folder / "up").symlink_to("..")
    (folder / "folder.mkv").mkdir()
    os.mkfifo(folder / "fifo.mkv")
    (root.places.raw_videos / "loop").symlink_to("loop")
    (root.places.raw_videos / "loose.mkv").write_text("in no project")
    (root.places.raw_videos / "link").symlink_to(tmp_path / "project")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "film.mkv").write_text(f"\n{uuid.uuid4()}\n")
    root.start()
    root.wait_for("odd", COMPLETE)
    assert extracted(root, "odd") == {film_fingerprint(folder / "good.mkv"), film_fingerprint(elsewhere)}
    root.wait_for("link", COMPLETE)
    assert set(root.statuses()) == {"odd", "link"}
    until(lambda: (now := root.status("odd")) and now.films == 2, "there are two films")
