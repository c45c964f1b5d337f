"""Faults that framed does not expect: what they cost, and who is notified."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import anyio
import anyio.abc
import msgspec
import pytest

from frame_extractor.contract.answers import Probe
from frame_extractor.contract.fingerprint import film_fingerprint
from framed.attempts.blockers import Blockers
from framed.engines.tmux import TmuxEngine
from framed.instance_lock import RootLock
from framed.lock_watch import LockWatch
from framed.model.reasons import InternalFault
from framed.parts import Parts, make_parts
from framed.policy.admission import FilmStatus, ProbeFailed
from framed.settings.config import Settings, WatchSettings, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places, load_places
from framed.state.ledger import Ledger
from framed.state.store import Store
from framed.watching import catalog_builder as keeper_module
from framed.watching import outputs as outputs_module
from framed.watching import probe_queue as probing_module
from framed.watching import watch as watch_module
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.catalog_builder import CatalogBuilder
from framed.watching.film_statuses import FilmStatuses
from framed.watching.probe_queue import ProbeQueue
from framed.watching.scan import scan_raw_videos
from framed.watching.watch import Watcher
from tests.stores.make import PROBE

SETTINGS = Settings(watch=WatchSettings(scan_interval_s=0.01, settle_s=0, settle_scans=1, force_polling=True))
FAULT = InternalFault(task="scan for its films", error="ZeroDivisionError")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = load_places(tmp_path)
    for project in ("bad", "good"):
        found.films_dir(project).mkdir(parents=True)
        (found.films_dir(project) / "film.mkv").write_text(project)
    return found


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged as an error."""
    monkeypatch.setattr(logging.getLogger("framed"), "propagate", True)
    with caplog.at_level(logging.ERROR):
        yield caplog


def test_fault_in_one_project_is_shown_with_it_and_logged_once(
    places: Places, errors: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are scanned as ever; what was known of the faulty one is kept."""

    def faulty(*arguments: object) -> object:
        if "bad" in arguments:
            raise ZeroDivisionError("a fault")
        return resolve(*arguments)  # type: ignore[arg-type]

    builder = CatalogBuilder(places, LiveSettings(places, SETTINGS), {})
    with monkeypatch.context() as broken:
        broken.setattr(outputs_module, "resolve", faulty)
        for now_s in (100.0, 105.0):
            catalog = builder.scan(now_s)
            assert (catalog.problem, catalog.projects["bad"].problem) == (None, FAULT)
            assert catalog.projects["good"].problem is None
            assert catalog.projects["good"].settled
    assert len(errors.records) == 1
    assert "ZeroDivisionError: a fault" in errors.text
    fixed = builder.scan(110.0).projects["bad"]
    assert (fixed.problem, len(fixed.settled)) == (None, 1)


@pytest.fixture
def parts(places: Places) -> Iterator[Callable[[anyio.abc.TaskGroup], Parts]]:
    """Those of a daemon, made in a task group, after one scan."""
    store = Store(places.root / "framed.db")
    lock_file = (places.root / "lock").open("w")

    def made(tasks: anyio.abc.TaskGroup) -> Parts:
        parts = make_parts(
            tasks,
            places=places,
            settings=Settings(),
            store=store,
            engine=TmuxEngine(places.tmux_socket, places.tmux_config),
            lock=LockWatch(RootLock(lock_file, places.root / "lock"), places.root),
            extractor=(),
        )
        parts.watcher.catalog = CatalogBuilder(places, parts.settings, {}).scan(100.0)
        return parts

    yield made
    store.close()
    lock_file.close()


@pytest.mark.anyio
async def test_fault_in_the_status_of_one_project_is_shown_with_it(
    parts: Callable[[anyio.abc.TaskGroup], Parts], errors: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The states of the others are reported as ever."""
    of = FilmStatuses.statuses_of

    def faulty(
        film_statuses: FilmStatuses, name: str, project: CatalogProject, now_s: float
    ) -> Iterator[tuple[CatalogFilm, FilmStatus]]:
        if name == "bad":
            raise ZeroDivisionError("a fault")
        return of(film_statuses, name, project, now_s)

    async with anyio.create_task_group() as tasks:
        reporter = parts(tasks).status_reporter
    monkeypatch.setattr(FilmStatuses, "statuses_of", faulty)
    for _ in range(2):
        bad, good = reporter.status(["bad", "good"]).projects
        assert bad.reason == "framed itself failed to report its state (ZeroDivisionError); see framed.log"
        assert good.reason.startswith("settling: film.mkv")
    assert len(errors.records) == 1


@pytest.mark.anyio
async def test_fault_in_deciding_costs_no_more_than_that_pass(
    parts: Callable[[anyio.abc.TaskGroup], Parts], errors: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs goes on, and the next pass decides again."""

    def faulty(*_arguments: object) -> NoReturn:
        raise ZeroDivisionError("a fault")

    async with anyio.create_task_group() as tasks:
        dispatcher = parts(tasks).dispatcher
        with monkeypatch.context() as broken:
            broken.setattr(Blockers, "find", faulty)
            await tasks.start(dispatcher.run, ())
            for _ in range(3):
                await anyio.wait_all_tasks_blocked()
                assert dispatcher.has_made_pass()
        await anyio.wait_all_tasks_blocked()
        assert dispatcher.has_made_pass()
        tasks.cancel_scope.cancel()
    assert [record.message for record in errors.records] == ["framed itself failed"]


@pytest.mark.anyio
async def test_fault_in_opening_one_film_is_reported_with_it(
    places: Places, errors: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other is opened; and it is waited for like any film that cannot be."""

    async def faulty(film: str, report: Callable[[Probe | ProbeFailed], None], _command: object) -> None:
        if film.startswith(str(places.films_dir("bad"))):
            raise ZeroDivisionError("a fault")
        report(msgspec.structs.replace(PROBE, fingerprint=film_fingerprint(film)))

    monkeypatch.setattr(probing_module, "probe", faulty)
    store = Store(places.root / "framed.db")
    ledger, settings = Ledger(store, lambda project, _now: project), LiveSettings(places, SETTINGS)
    watcher = Watcher(places, settings, ledger)
    builder = CatalogBuilder(places, settings, {})
    watcher.catalog = builder.scan(100.0)
    film_statuses = FilmStatuses(settings, ledger, watcher)
    opened = anyio.Event()
    openings: list[object] = []

    def listen() -> None:
        projects = watcher.catalog.projects
        openings[:] = [film_statuses.probe_result_of(projects[name].films[0]) for name in ("bad", "good")]
        if all(openings):
            opened.set()

    film_statuses.listen(listen)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            await tasks.start(ProbeQueue(film_statuses, settings=settings, ledger=ledger, watcher=watcher).run)
            await opened.wait()
            tasks.cancel_scope.cancel()
    store.close()
    bad, good = openings
    assert isinstance(bad, ProbeFailed)
    assert bad.reason == "framed itself failed to open a film (ZeroDivisionError); see framed.log"
    assert isinstance(good, Probe)
    assert len(errors.records) == 1


@pytest.mark.anyio
async def test_fault_of_a_scan_does_not_end_scanning(
    places: Places, errors: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the catalog's problem until a scan succeeds."""
    n_scans = 0

    def faulty(raw_videos: Path, *others: Any) -> object:
        nonlocal n_scans
        n_scans += 1
        if n_scans in (2, 3):
            raise ZeroDivisionError("a fault")
        return scan_raw_videos(raw_videos, *others)

    def faulty_pointing(*_: object) -> None:
        raise ZeroDivisionError("another fault")

    monkeypatch.setattr(keeper_module, "scan_raw_videos", faulty)
    monkeypatch.setattr(watch_module, "notifying_folders", faulty_pointing)
    store = Store(places.root / "framed.db")
    settings = Settings(watch=WatchSettings(scan_interval_s=0.01, settle_s=0, settle_scans=1))
    watcher = Watcher(places, LiveSettings(places, settings), Ledger(store, lambda project, _now: project))
    problems = []
    seen_enough = anyio.Event()

    def listen() -> None:
        problems.append(watcher.catalog.problem)
        if len(problems) == 3:
            seen_enough.set()

    watcher.listen(listen)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            await tasks.start(watcher.run)
            await seen_enough.wait()
            tasks.cancel_scope.cancel()
    store.close()
    assert problems == [None, InternalFault(task="scan for films", error="ZeroDivisionError"), None]
    tasks_failed = [record.__dict__["fields"]["to"] for record in errors.records]
    assert tasks_failed == ["watch for changes", "scan for films"]
