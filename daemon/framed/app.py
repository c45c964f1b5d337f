"""The daemon: its parts are started in order, and run in one task group until it is asked to end."""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import signal
from collections.abc import Callable, Sequence
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from framed.attempts.adopt import find_running
from framed.attempts.supervise import EXTRACTOR
from framed.control.feed import Feed
from framed.control.server import Server
from framed.control.verbs.context import VerbContext
from framed.control.verbs.registry import served_verbs
from framed.engines import Engine
from framed.engines.tmux import TmuxEngine
from framed.errors import FramedError
from framed.instance_lock import instance_lock
from framed.lock_watch import LockWatch
from framed.log import configure, fields
from framed.model.job import Running
from framed.parts import Parts, make_parts
from framed.policy.shares import Budget
from framed.running_daemons import registered
from framed.service.health import Health
from framed.service_manager import ServiceManager
from framed.settings.config import Settings
from framed.settings.places import Places, make_folders
from framed.state.ledger import Ledger
from framed.state.store import Store
from framed.state_recovery import recover_state
from framed.watching.auto_submit import AutoSubmitter
from framed.watching.probe_process import PROBER
from framed.watching.probe_queue import ProbeQueue

_log: Final = logging.getLogger(__name__)

_CLOSING_S: Final = 1.0
_FIRST_SCAN_S: Final = 3.0
"""How long clients wait for the first scan of the films at most: its disk may hang."""
_LAST_REPLIES_S: Final = 0.1
"""For answers on their way, the one to `shutdown` among them."""


def run(
    places: Places,
    settings: Settings,
    *,
    extractor: Sequence[str] = EXTRACTOR,
    prober: Sequence[str] = PROBER,
    ready: Callable[[Budget], None] | None = None,
    report_recovery: Callable[[str], None] | None = None,
) -> None:
    """Runs the daemon until SIGTERM, SIGINT or `shutdown`; extractors continue without it.

    `extractor`: the command that a specification's path is added to, `prober` that for a film's. `ready` is called
    once the socket answers. With `report_recovery` the state database is recovered first: see `recover_state`, which is
    given it. Raises FramedError.
    """
    serving = functools.partial(
        serve, places, settings, extractor=extractor, prober=prober, ready=ready, report_recovery=report_recovery
    )
    try:
        anyio.run(serving)
    except BaseExceptionGroup as group:
        # A task's expected failure is reported like any other: as one line.
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
    report_recovery: Callable[[str], None] | None = None,
) -> None:
    """As `run`, within a running event loop."""
    unit = ServiceManager(os.environ)
    if unit.is_present:
        # The watchdog ends a daemon that hangs with SIGABRT: then the journal shows where it hung.
        faulthandler.enable()
    make_folders(places)
    with instance_lock(places) as lock, registered(places.root, places.control_socket, os.environ):
        configure(places.state / "framed.log")
        engine = TmuxEngine(places.tmux_socket, places.tmux_config, unit=os.environ.get("FRAMED_TMUX_UNIT", ""))
        if report_recovery is not None:
            await recover_state(places, settings, engine, report_recovery)
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


async def _serve(
    places: Places,
    settings: Settings,
    store: Store,
    engine: Engine,
    unit: ServiceManager,
    *,
    lock: LockWatch,
    extractor: Sequence[str],
    prober: Sequence[str],
    ready: Callable[[Budget], None] | None,
) -> None:
    ending = anyio.Event()
    async with anyio.create_task_group() as tasks:
        parts = make_parts(
            tasks, places=places, settings=settings, store=store, engine=engine, lock=lock, extractor=extractor
        )
        await tasks.start(_await_signal, ending)
        await _start_attempts(tasks, parts)
        await _start_watching(tasks, parts, prober)
        await _start_answering(tasks, parts, ending)
        _log.info(
            "framed is ready", extra=fields(pid=os.getpid(), root=places.root, slots=parts.dispatcher.budget.slots)
        )
        if ready is not None:
            ready(parts.dispatcher.budget)
        _start_service(tasks, parts, unit, metrics_listen=settings.metrics.listen)
        await ending.wait()
        unit.notify(STOPPING=1)
        _log.info("framed stops", extra=fields(extractors_left_running=_n_running(parts.ledger)))
        await anyio.sleep(_LAST_REPLIES_S)
        tasks.cancel_scope.cancel()


async def _start_attempts(tasks: anyio.abc.TaskGroup, parts: Parts) -> None:
    """What runs is supervised again, what waits may start."""
    tasks.start_soon(parts.ledger.retry_failed_writes)
    tasks.start_soon(parts.notifier.run)
    tasks.start_soon(parts.stalls.run)
    await tasks.start(parts.settings.run)
    # Slots of what still runs are taken before anything may start, and before anybody may ask for more.
    await tasks.start(parts.machine.run)
    await tasks.start(parts.dispatcher.run, await find_running(parts.ledger))
    tasks.start_soon(parts.supervisor.close_leftover_sessions)


async def _start_watching(tasks: anyio.abc.TaskGroup, parts: Parts, prober: Sequence[str]) -> None:
    """Films are found, opened and submitted. Returns after the first scan of raw_videos, or without waiting longer."""
    await tasks.start(parts.watcher.run)
    with anyio.move_on_after(_FIRST_SCAN_S):
        await parts.watcher.has_scanned.wait()
    probe_queue = ProbeQueue(
        parts.film_statuses, settings=parts.settings, ledger=parts.ledger, watcher=parts.watcher, command=prober
    )
    await tasks.start(probe_queue.run)
    auto_submitter = AutoSubmitter(
        parts.places,
        settings=parts.settings,
        ledger=parts.ledger,
        watcher=parts.watcher,
        film_statuses=parts.film_statuses,
    )
    await tasks.start(auto_submitter.run)


async def _start_answering(tasks: anyio.abc.TaskGroup, parts: Parts, ending: anyio.Event) -> None:
    """Clients can connect. `ending` is set by `shutdown`."""
    feed = Feed(ledger=parts.ledger, status_reporter=parts.status_reporter, disk=parts.disk)
    await tasks.start(feed.run)
    context = VerbContext(
        places=parts.places,
        settings=parts.settings,
        ledger=parts.ledger,
        watcher=parts.watcher,
        supervisor=parts.supervisor,
        dispatcher=parts.dispatcher,
        engine=parts.engine,
        films=parts.films,
        job_status=parts.job_status,
        status_reporter=parts.status_reporter,
        disk=parts.disk,
        feed=feed,
        shut_down=ending.set,
    )
    await tasks.start(Server(parts.places.control_socket, served_verbs(context)).run, tasks)


def _start_service(tasks: anyio.abc.TaskGroup, parts: Parts, unit: ServiceManager, *, metrics_listen: str) -> None:
    """Metrics are served, and the service manager is notified that the daemon is ready and healthy."""
    if metrics_listen:
        from framed.service.metrics import Metrics  # noqa: PLC0415 -- seldom wanted

        metrics = Metrics(
            status_reporter=parts.status_reporter,
            ledger=parts.ledger,
            watcher=parts.watcher,
            reports=parts.reports,
            stalls=parts.stalls,
        )
        metrics.serve(metrics_listen)
    unit.notify(READY=1)
    health = Health(ledger=parts.ledger, dispatcher=parts.dispatcher, watcher=parts.watcher, settings=parts.settings)
    tasks.start_soon(unit.keep_notified, health.is_healthy, health.describe)


async def _await_signal(ending: anyio.Event, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _signal in signals:
            ending.set()


def _n_running(ledger: Ledger) -> int:
    return sum(isinstance(job.state, Running) for job in ledger.open_jobs())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
