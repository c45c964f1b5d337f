"""Films that lie still and cannot be opened: waited for, given up in time, and in nobody's way."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psutil

from framed.protocol.messages import ProjectState
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

COMPLETE, FAILED, SETTLING = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.SETTLING


def giving_up_after(seconds: float) -> str:
    return QUICK.replace("settle_scans: 2", f"settle_scans: 2, give_up_s: {seconds}")


def test_film_that_cannot_be_opened_is_waited_for_and_holds_up_nobody(root: Root) -> None:
    """Neither other projects nor other films of its own; and is extracted when it is whole."""
    film = root.film("broken", "unopenable", name="a.mp4")
    root.film("broken", name="b.mp4")
    root.start()
    root.film("other")
    root.wait_for("other", COMPLETE)
    until(root.layout("broken").results.exists, "the other film of the project is extracted")
    status = root.wait_for("broken", SETTLING)
    assert status.reason.startswith(
        "settling: a.mp4 cannot be opened yet (an MP4 without its index (moov)); given up in"
    )
    film.write_text("whole\n")
    root.wait_for("broken", COMPLETE)
    assert len(root.attempts("broken")) == 2


def test_film_that_never_opens_fails_in_time_with_the_extractors_reason(new_root: Callable[..., Root]) -> None:
    root = new_root(giving_up_after(1))
    root.film("broken", "unopenable exit 65")
    root.start()
    assert root.wait_for("broken", FAILED).reason == "exit 65 (asked to end with 65)"
    assert len(root.attempts("broken")) == 1


def test_job_whose_film_has_changed_waits_until_it_is_complete(new_root: Callable[..., Root]) -> None:
    """Though there is another film in the project, long since extracted; no attempt is charged, and it is one job."""
    root = new_root(QUICK.replace("base_s: 0.2", "base_s: 1"))
    root.film("series", name="e1.mkv")
    root.start()
    root.wait_for("series", COMPLETE)
    film = root.film("series", "exit 79 2", name="e2.mkv")
    job_id = root.wait_for("series", ProjectState.RETRYING).job_id
    film.write_text("unopenable")
    until(lambda: "e2.mkv cannot be opened yet" in (root.statuses()["series"].reason), "it waits for the film")
    assert len(root.attempts("series")) == 2
    film.write_text("whole")
    status = root.wait_for("series", COMPLETE)
    assert (status.job_id, status.attempt, len(root.attempts("series"))) == (job_id, 1, 3)


def test_submit_waits_for_no_probe(root: Root) -> None:
    """Whoever submits a broken film wants to know it now."""
    root.film("broken", "unopenable exit 65")
    root.start()
    root.wait_for("broken", SETTLING)
    root.submit("broken")
    root.wait_for("broken", FAILED)


def test_film_that_hangs_its_probe_holds_up_nobody_and_is_gone_with_the_daemon(root: Root) -> None:
    root.film("a", "hung")
    daemon = root.start()

    def probes() -> list[psutil.Process]:
        return [each for each in psutil.Process(daemon.pid).children() if "sleep" in each.cmdline()]

    [probe] = until(probes, "the film is being opened")
    assert os.getpgid(probe.pid) == probe.pid
    assert probe.nice() == 10
    root.film("b")
    root.film("c")
    assert root.wait_for("a", SETTLING).reason == "settling: film.mp4 is about to be opened"
    stop(daemon)
    until(lambda: not probe.is_running(), "the probe is gone")


def test_film_that_was_opened_is_not_opened_again_after_a_restart(new_root: Callable[..., Root]) -> None:
    """It would not open again."""
    root = new_root(QUICK.replace("watch: {", "watch: {auto_submit: false, "))
    needed = root.places.root / "needed"
    needed.touch()
    root.film("onward", f"length 40 needs {needed}")
    daemon = root.start()
    with contextlib.closing(sqlite3.connect(root.places.store)) as state:
        until(lambda: state.execute("SELECT count(probe) FROM films").fetchone() == (1,), "it is written down")
    stop(daemon)
    needed.unlink()
    root.start()
    status = until(lambda: root.status("onward"), "it has been scanned")
    assert (status.state, status.reason) == (ProjectState.NEW, "")


def test_half_of_a_film_is_waited_for_and_extracted_when_it_is_complete(
    new_root: Callable[..., Root], tmp_path: Path
) -> None:
    """The real prober and extractor: a stalled copy of an MP4 whose index is at its end."""
    root = new_root(QUICK)
    whole = write_film(tmp_path / "whole.mp4", FilmPlan()).read_bytes()
    film = root.film("reel", name="reel.mp4")
    film.write_bytes(whole[: len(whole) // 2])
    root.start(real=True)
    until(lambda: "without its index" in root.wait_for("reel", SETTLING).reason, "it could not be opened")
    with film.open("ab") as file:
        file.write(whole[len(whole) // 2 :])
    status = root.wait_for("reel", COMPLETE)
    assert (status.attempt, status.frames > 5) == (1, True)
