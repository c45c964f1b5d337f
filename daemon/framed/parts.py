"""Makes every part of the daemon once, and connects it to the parts that it uses. Starts nothing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import anyio.abc

from frame_extractor.contract.cores import usable_cores
from framed.attempts.blockers import Blockers
from framed.attempts.dispatch import Dispatcher
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.attempts.supervise import Supervisor
from framed.control.bounded_disk import BoundedDisk
from framed.control.extracted import Extracted
from framed.control.job_status import JobStatus
from framed.control.project_films import ProjectFilms
from framed.control.status_reporter import StatusReporter
from framed.engines import Engine
from framed.host.machine import Machine
from framed.host.memory import Memory
from framed.lock_watch import LockWatch
from framed.model.job import Moment
from framed.model.reasons import AwaitingMemory
from framed.policy.memory import floor_bytes, shortage
from framed.policy.shares import Budget
from framed.policy.shares import budget as budget_of
from framed.service.notify.notifier import Notifier
from framed.settings.config import BudgetSettings, Settings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.state.store import Store
from framed.watching.film_statuses import FilmStatuses
from framed.watching.watch import Watcher

_LONGEST_LOG_NAME_BYTES: Final = 200


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of the daemon, except those that only take requests or submit films automatically."""

    places: Places
    settings: LiveSettings
    ledger: Ledger
    machine: Machine
    engine: Engine
    reports: AttemptReports
    supervisor: Supervisor
    stalls: StallDetector
    notifier: Notifier
    watcher: Watcher
    film_statuses: FilmStatuses
    dispatcher: Dispatcher
    films: ProjectFilms
    job_status: JobStatus
    status_reporter: StatusReporter
    disk: BoundedDisk


def make_parts(
    tasks: anyio.abc.TaskGroup,
    *,
    places: Places,
    settings: Settings,
    store: Store,
    engine: Engine,
    lock: LockWatch,
    extractor: Sequence[str],
) -> Parts:
    """`tasks`: where attempts are supervised. Raises StoreUnavailable."""
    live = LiveSettings(places, settings)
    ledger = Ledger(store, functools.partial(_log_path, places))
    machine = Machine(places.datasets)
    reports = AttemptReports()
    supervisor = Supervisor(ledger, engine, live, lock, reports, places=places, extractor=extractor)
    stalls = StallDetector(ledger, reports, live)
    notifier = Notifier(ledger, live)
    stalls.listen(notifier.stalled)
    watcher = Watcher(places, live, ledger)
    film_statuses = FilmStatuses(live, ledger, watcher)
    dispatcher = Dispatcher(
        tasks,
        raw_videos=places.raw_videos,
        ledger=ledger,
        watcher=watcher,
        film_statuses=film_statuses,
        supervisor=supervisor,
        reports=reports,
        budget=_budget(machine, live),
        blockers=Blockers(
            watcher=watcher,
            film_statuses=film_statuses,
            disks=machine.disks,
            settings=live,
            reports=reports,
        ),
        memory_shortage=lambda: _memory_shortage(machine.memory, live.now.budget),
        report_short_of_disk=notifier.disk_low,
    )
    extracted = Extracted(ledger=ledger, watcher=watcher, reports=reports)
    films = ProjectFilms(ledger=ledger, watcher=watcher, film_statuses=film_statuses, extracted=extracted)
    job_status = JobStatus(
        ledger=ledger,
        film_statuses=film_statuses,
        dispatcher=dispatcher,
        reports=reports,
        stalls=stalls,
        extracted=extracted,
    )
    status_reporter = StatusReporter(
        ledger=ledger,
        watcher=watcher,
        film_statuses=film_statuses,
        dispatcher=dispatcher,
        extracted=extracted,
        films=films,
        jobs=job_status,
        machine=machine,
        settings=live,
    )
    disk = BoundedDisk(places, watcher, films)
    live.listen(lambda: dispatcher.change_budget(_budget(machine, live)))
    live.listen(watcher.scan_now)
    return Parts(
        places=places,
        settings=live,
        ledger=ledger,
        machine=machine,
        engine=engine,
        reports=reports,
        supervisor=supervisor,
        stalls=stalls,
        notifier=notifier,
        watcher=watcher,
        film_statuses=film_statuses,
        dispatcher=dispatcher,
        films=films,
        job_status=job_status,
        status_reporter=status_reporter,
        disk=disk,
    )


def _budget(machine: Machine, settings: LiveSettings) -> Budget:
    return budget_of(usable_cores(), machine.memory.total_bytes, settings.now.budget)


def _memory_shortage(memory: Memory, settings: BudgetSettings) -> AwaitingMemory | None:
    return shortage(memory.available_bytes, floor_bytes(memory.total_bytes, settings.memory_floor_gb))


def _log_path(places: Places, project: str, now: Moment) -> str:
    # A name may have 255 bytes, and a project's may use them all.
    shown = "".join(char if char.isprintable() else "_" for char in project)
    name = shown.encode()[:_LONGEST_LOG_NAME_BYTES].decode(errors="ignore")
    return str(places.logs / f"{name}_{now.utc.astimezone():%Y%m%d_%H%M%S}.log")
