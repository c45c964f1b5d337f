"""A film whose workers are taken away and given back on the way: the same images, and nobody works beyond the grant."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from frame_extractor.contract.attempt import Control
from frame_extractor.contract.durable import write_atomically
from frame_extractor.pipeline.film_progress import FilmProgress
from frame_extractor.workers import grant as grant_module
from frame_extractor.workers import pool
from frame_extractor.workers.grant import WorkerGrant
from tests.conformance.extraction import LONG, Outcome, extract, frame_of, workers_of
from tests.harness.films import write_film
from tests.harness.until import until

ATTEMPT = 7


class GrantFile:
    """Grants for one extraction, through the file, as framed gives them."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.file = folder / "control.json"
        self.worker_grant = WorkerGrant(workers, control=self.file, attempt=ATTEMPT)
        self.serial = 0
        self.has_begun = threading.Event()
        self._held: list[psutil.Process] = []

    def grant(self, workers: int, *, paused: bool = False) -> None:
        self.serial += 1
        control = Control(attempt=ATTEMPT, serial=self.serial, workers=workers, paused=paused)
        write_atomically(self.file, msgspec.json.encode(control), durable=False)

    def on_progress(self, progress: FilmProgress) -> None:
        if progress.fraction > 0 and not self.has_begun.is_set():
            # A film of half a minute would be over before a busy machine let anybody say something about it.
            self._held = workers_of(psutil.Process())
            for worker in self._held:
                worker.suspend()
            self.has_begun.set()

    def go_on(self) -> None:
        """The workers, which are held from the first progress on, know of the grant by now, and work on."""
        held, self._held = self._held, []
        for worker in held:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.resume()


@contextmanager
def meanwhile(grants: GrantFile, act: Callable[[], None]) -> Iterator[None]:
    """`act` runs beside the extraction inside; its failure is the test's, and leaves nothing paused."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as failure:  # noqa: BLE001 - raised below
            failures.append(failure)
            grants.grant(2)
            grants.go_on()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk reads the file."""
    monkeypatch.setattr(grant_module, "READ_EVERY_S", 0.0)
    monkeypatch.setattr(pool, "READ_GRANT_EVERY_S", 0.02)


@pytest.mark.usefixtures("quick_checks")
def test_grants_that_come_and_go_change_no_byte(film: Path, undisturbed: Outcome, tmp_path: Path) -> None:
    """More than it began with, then fewer and more by turns: at each report another grant."""
    grants = GrantFile(tmp_path, 2)
    turns = iter([1, 4, 2, 3, 1, 2, 4, 1, 3] * 100)
    has_grown = threading.Event()
    most = 0

    def on_progress(progress: FilmProgress) -> None:
        nonlocal most
        grants.on_progress(progress)
        most = max(most, grants.worker_grant.at_work)
        if has_grown.is_set():
            grants.grant(next(turns))

    def grow() -> None:
        grants.has_begun.wait(60)
        grants.grant(4)
        until(lambda: grants.worker_grant.at_work > 2, "there are more")
        has_grown.set()
        grants.go_on()

    with meanwhile(grants, grow):
        outcome = extract(film, tmp_path / "temp", workers=grants.worker_grant, on_progress=on_progress)
    assert outcome.images == undisturbed.images
    assert most <= 4
    assert workers_of(psutil.Process()) == []


@pytest.mark.usefixtures("quick_checks")
def test_paused_workers_park_and_are_not_taken_for_hung(
    film: Path, undisturbed: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They keep what they have, and the images come out the same."""
    grants = GrantFile(tmp_path, 2)
    n_checks = 0

    def counted(*arguments: Any, **options: Any) -> list[Any]:
        nonlocal n_checks
        n_checks += 1
        return wait(*arguments, **options)

    monkeypatch.setattr(pool, "wait", counted)

    def pause_and_go_on() -> None:
        grants.has_begun.wait(60)
        grants.grant(2, paused=True)
        grants.go_on()
        until(lambda: grants.worker_grant.at_work == 0, "all have parked")
        parked = workers_of(psutil.Process())
        with monkeypatch.context() as impatient:
            impatient.setattr(pool, "HANG_TIMEOUT_S", 0.0)
            after = n_checks + 15
            until(lambda: n_checks > after, "the pool has checked them fifteen times")
            assert workers_of(psutil.Process()) == parked != []
            assert grants.worker_grant.at_work == 0
        grants.grant(2)

    with meanwhile(grants, pause_and_go_on):
        outcome = extract(film, tmp_path / "temp", workers=grants.worker_grant, on_progress=grants.on_progress)
    assert outcome.images == undisturbed.images


@pytest.mark.usefixtures("quick_checks")
def test_workers_parked_for_long_are_ended_and_their_spans_done_again(
    film: Path, undisturbed: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their memory is free meanwhile; no byte of the images changes."""
    monkeypatch.setattr(pool, "MAX_PARKED_S", 0.1)
    grants = GrantFile(tmp_path, 2)

    def pause_and_go_on() -> None:
        grants.has_begun.wait(60)
        grants.grant(0)
        grants.go_on()
        until(lambda: not workers_of(psutil.Process()), "no worker process is left")
        assert grants.worker_grant.at_work == 0
        grants.grant(3)

    with meanwhile(grants, pause_and_go_on):
        outcome = extract(film, tmp_path / "temp", workers=grants.worker_grant, on_progress=grants.on_progress)
    assert outcome.images == undisturbed.images
    fractions = [progress.fraction for progress in outcome.progress]
    assert fractions == sorted(fractions)


@pytest.mark.usefixtures("quick_checks")
def test_film_that_is_read_whole_pauses_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller grant leaves its decoder's threads; a pause stops it, and its worker is kept however long it takes."""
    monkeypatch.setattr(pool, "MAX_PARKED_S", 0.0)
    film = write_film(tmp_path / "film.avi", LONG)
    grants = GrantFile(tmp_path, 3)
    pids: list[int] = []

    def shrink_pause_and_go_on() -> None:
        grants.has_begun.wait(60)
        grants.grant(1)
        assert grants.worker_grant.at_work == 3
        assert not grants.worker_grant.is_elastic
        grants.grant(1, paused=True)
        grants.go_on()
        until(lambda: grants.worker_grant.at_work == 0, "it has parked")
        # The idle ones beside it are ended.
        until(lambda: len(workers_of(psutil.Process())) == 1, "one worker is kept")
        pids.extend(worker.pid for worker in workers_of(psutil.Process()))
        grants.grant(1)
        until(lambda: grants.worker_grant.at_work > 0, "it goes on")
        pids.extend(worker.pid for worker in workers_of(psutil.Process()))

    with meanwhile(grants, shrink_pause_and_go_on):
        outcome = extract(film, tmp_path / "temp", workers=grants.worker_grant, on_progress=grants.on_progress)
    assert pids[0] == pids[1]
    assert outcome.result.chunks_read_by == {"pyav": 1}
    assert all(frame_of(name) == shown for name, shown in outcome.frames.items())
