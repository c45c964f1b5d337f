"""The daemon: every part made once, joined, and run in one task group until it is told to end."""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from frame_extractor.contract.cores import usable_cores
from framed.attempts.adopt import find_running
from framed.attempts.blockers import Blockers
from framed.attempts.dispatch import Dispatcher
from framed.attempts.recover import recover
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.attempts.supervise import EXTRACTOR, Supervisor
from framed.control.bounded_disk import BoundedDisk
from framed.control.feed import Feed
from framed.control.server import Server
from framed.control.status_reporter import StatusReporter
from framed.control.verbs.context import VerbContext
from framed.control.verbs.registry import served_verbs
from framed.engines import EngineRefused, EngineUnresponsive
from framed.engines.tmux import TmuxEngine
from framed.errors import FramedError
from framed.host.machine import Machine
from framed.host.memory import Memory
from framed.instance_lock import instance_lock
from framed.lock_watch import LockWatch
from framed.log import configure, fields
from framed.model.job import Moment, Running
from framed.policy.memory import floor_bytes, shortage
from framed.policy.shares import Budget
from framed.policy.shares import budget as budget_of
from framed.running_daemons import registered
from framed.service.health import Health
from framed.service.notify.notifier import Notifier
from framed.service_manager import ServiceManager
from framed.settings.config import BudgetSettings, Settings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places, make_folders
from framed.state.ledger import Ledger
from framed.state.store import Store, make_store, move_away
from framed.watching.auto_submit import AutoSubmitter
from framed.watching.film_statuses import FilmStatuses
from framed.watching.probe_process import PROBER
from framed.watching.probe_queue import ProbeQueue
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)

_CLOSING_S: Final = 1.0
_FIRST_LOOK_S: Final = 3.0
"""How long clients wait for the first look at the films; longer when its disk hangs they do not."""
_LAST_WORDS_S: Final = 0.1
"""For answers on their way, the one to `shutdown` among them."""
_LONGEST_LOG_NAME_BYTES: Final = 200


def run(
    places: Places,
    settings: Settings,
    *,
    extractor: Sequence[str] = EXTRACTOR,
    prober: Sequence[str] = PROBER,
    ready: Callable[[Budget], None] | None = None,
    tell_recovered: Callable[[str], None] | None = None,
) -> None:
    """Runs the daemon until SIGTERM, SIGINT or `shutdown`; the films it started go on.

    `extractor`: the command that a specification's path is added to, `prober` that for a film's. `ready` is called
    once the socket answers. With `tell_recovered` the state database is made anew first, see `recover`, and that is
    given lines about it. Raises FramedError.
    """
    serving = functools.partial(
        serve, places, settings, extractor=extractor, prober=prober, ready=ready, tell_recovered=tell_recovered
    )
    try:
        anyio.run(serving)
    except BaseExceptionGroup as group:
        # A task's expected failure is told like any other: as one line.
        expected = group.subgroup(FramedError)
        if expected is None:
            raise
        raise _first(expected) from None


async def serve(
    places: Places,
    settings: Settings,
    *,
    extractor: Sequence[str] = EXTRACTOR,
    prober: Sequence[str] = PROBER,
    ready: Callable[[Budget], None] | None = None,
    tell_recovered: Callable[[str], None] | None = None,
) -> None:
    """As `run`, within a running event loop."""
    unit = ServiceManager(os.environ)
    if unit.is_present:
        # The watchdog ends a daemon that hangs with SIGABRT: then the journal tells where it hung.
        faulthandler.enable()
    make_folders(places)
    with instance_lock(places) as lock, registered(places.root, places.control_socket, os.environ):
        configure(places.state / "framed.log")
        engine = TmuxEngine(places.tmux_socket, places.tmux_config, unit=os.environ.get("FRAMED_TMUX_UNIT", ""))
        if tell_recovered is not None:
            await _recover(places, settings, engine, tell_recovered)
        store = await anyio.to_thread.run_sync(Store, places.store)
        try:
            watch = LockWatch(lock, places.root)
            async with anyio.create_task_group() as watching:
                watching.start_soon(watch.run)
                await _serve(
                    places, settings, store, engine, unit, lock=watch, extractor=extractor, prober=prober, ready=ready
                )
                watching.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(_CLOSING_S, shield=True):
                await anyio.to_thread.run_sync(store.close)


async def _recover(places: Places, settings: Settings, engine: TmuxEngine, tell: Callable[[str], None]) -> None:
    """The state database is a new one, of what the datasets tell. Raises Refused when there is no need or no way."""
    try:
        host = await engine.prepare()
    except (EngineRefused, EngineUnresponsive):
        host = None

    def renew() -> Iterator[str]:
        found = recover(places, settings, session_name=engine.session_name, host=host)
        if (aside := move_away(places.store)) is not None:
            yield f"the state database of before is kept as {aside}"
        make_store(places.store, found.jobs, found.verdicts)
        yield from found.lines

    for line in await anyio.to_thread.run_sync(lambda: tuple(renew())):
        tell(line)
    _log.warning("state recovered", extra=fields(store=places.store))


async def _serve(
    places: Places,
    settings: Settings,
    store: Store,
    engine: TmuxEngine,
    unit: ServiceManager,
    *,
    lock: LockWatch,
    extractor: Sequence[str],
    prober: Sequence[str],
    ready: Callable[[Budget], None] | None,
) -> None:
    ending = anyio.Event()
    live = LiveSettings(places, settings)
    ledger = Ledger(store, functools.partial(_log_path, places))
    machine = Machine(places.datasets)
    budget = _budget(machine, live)
    reports = AttemptReports()
    supervisor = Supervisor(ledger, engine, live, lock, reports, places=places, extractor=extractor)
    stalls = StallDetector(ledger, reports, live)
    notifier = Notifier(ledger, live)
    stalls.listen(notifier.stalled)
    watcher = Watcher(places, live, ledger)
    standings = FilmStatuses(live, ledger, watcher)
    async with anyio.create_task_group() as tasks:
        dispatcher = Dispatcher(
            tasks,
            raw_videos=places.raw_videos,
            ledger=ledger,
            watcher=watcher,
            standings=standings,
            supervisor=supervisor,
            reports=reports,
            budget=budget,
            hindrances=Blockers(
                watcher=watcher,
                standings=standings,
                disks=machine.disks,
                settings=live,
                reports=reports,
            ),
            shortage=lambda: _shortage(machine.memory, live.now.budget),
            tell_short_of_disk=notifier.disk_low,
        )
        report = StatusReporter(
            ledger=ledger,
            watcher=watcher,
            standings=standings,
            dispatcher=dispatcher,
            reports=reports,
            stalls=stalls,
            machine=machine,
            settings=live,
        )
        disk = BoundedDisk(places, watcher, report)
        await tasks.start(_await_signal, ending)
        tasks.start_soon(ledger.retry_failed_writes)
        tasks.start_soon(notifier.run)
        tasks.start_soon(stalls.run)
        live.listen(lambda: dispatcher.change_budget(_budget(machine, live)))
        live.listen(watcher.scan_now)
        await tasks.start(live.run)
        # Slots of what still runs are taken before anything may start, and before anybody may ask for more.
        await tasks.start(machine.run)
        await tasks.start(dispatcher.run, await find_running(ledger))
        tasks.start_soon(supervisor.close_leftover_sessions)
        await _begin_watching(tasks, watcher)
        await tasks.start(ProbeQueue(standings, settings=live, ledger=ledger, watcher=watcher, command=prober).run)
        await tasks.start(
            AutoSubmitter(places, settings=live, ledger=ledger, watcher=watcher, film_statuses=standings).run
        )
        feed = Feed(ledger=ledger, report=report, disk=disk)
        await tasks.start(feed.run)
        context = VerbContext(
            places=places,
            settings=live,
            ledger=ledger,
            watcher=watcher,
            supervisor=supervisor,
            dispatcher=dispatcher,
            engine=engine,
            report=report,
            disk=disk,
            feed=feed,
            shut_down=ending.set,
        )
        await tasks.start(Server(places.control_socket, served_verbs(context)).run, tasks)
        _log.info("framed is ready", extra=fields(pid=os.getpid(), root=places.root, slots=budget.slots))
        if ready is not None:
            ready(budget)
        if settings.metrics.listen:
            from framed.service.metrics import Metrics  # noqa: PLC0415 -- seldom wanted

            Metrics(report=report, ledger=ledger, watcher=watcher, reports=reports, stalls=stalls).serve(
                settings.metrics.listen
            )
        unit.notify(READY=1)
        vitals = Health(ledger=ledger, dispatcher=dispatcher, watcher=watcher, settings=live)
        tasks.start_soon(unit.keep_notified, vitals.is_healthy, vitals.describe)
        await ending.wait()
        unit.notify(STOPPING=1)
        _log.info("framed ends", extra=fields(running_films_go_on=_n_running(ledger)))
        await anyio.sleep(_LAST_WORDS_S)
        tasks.cancel_scope.cancel()


async def _begin_watching(tasks: anyio.abc.TaskGroup, watcher: Watcher) -> None:
    await tasks.start(watcher.run)
    with anyio.move_on_after(_FIRST_LOOK_S):
        await watcher.has_scanned.wait()


async def _await_signal(ending: anyio.Event, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _signal in signals:
            ending.set()


def _n_running(ledger: Ledger) -> int:
    return sum(isinstance(job.state, Running) for job in ledger.open_jobs())


def _budget(machine: Machine, settings: LiveSettings) -> Budget:
    return budget_of(usable_cores(), machine.memory.total_bytes, settings.now.budget)


def _shortage(memory: Memory, settings: BudgetSettings) -> str:
    return shortage(memory.available_bytes, floor_bytes(memory.total_bytes, settings.memory_floor_gb))


def _log_path(places: Places, project: str, now: Moment) -> str:
    # A name may have 255 bytes, and a project's may use them all.
    shown = "".join(char if char.isprintable() else "_" for char in project)
    name = shown.encode()[:_LONGEST_LOG_NAME_BYTES].decode(errors="ignore")
    return str(places.logs / f"{name}_{now.utc.astimezone():%Y%m%d_%H%M%S}.log")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
