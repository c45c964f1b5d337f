"""The dispatch loop: starts the jobs that `policy.schedule` has chosen, and sends running ones their shares."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from framed.attempts.adopt import Adoption
from framed.attempts.blockers import BlockedJobs, Blockers
from framed.attempts.grants import Grants
from framed.attempts.observe import POLL_S
from framed.attempts.reports import AttemptReports
from framed.attempts.slots import SlotPool
from framed.attempts.supervise import Supervisor
from framed.fault_log import FaultLog
from framed.host.clock import read_clocks
from framed.log import fields
from framed.model.job import Ending, Job, Outcome, Running
from framed.model.reasons import AwaitingMemory, DiskLow, Draining, Suspension
from framed.policy.lifecycle import IllegalEvent, NoFilmsLeft
from framed.policy.schedule import Decision, Start, StartsBlocked, decide
from framed.policy.shares import Budget
from framed.state.ledger import Ledger
from framed.wakeup import Wakeup
from framed.watching.film_statuses import FilmStatuses
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)

_FAULT_PAUSE_S: Final = 10.0
_MEMORY_POLL_S: Final = 2.0
"""How often a pass is made while jobs wait for memory."""


class Dispatcher:
    """Makes one pass after every change of a job, the catalog or a slot, and when a backoff is over."""

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        raw_videos: Path,
        ledger: Ledger,
        watcher: Watcher,
        film_statuses: FilmStatuses,
        supervisor: Supervisor,
        reports: AttemptReports,
        budget: Budget,
        blockers: Blockers,
        memory_shortage: Callable[[], AwaitingMemory | None],
        report_short_of_disk: Callable[[Mapping[str, DiskLow]], None],
    ) -> None:
        """`memory_shortage`: why nothing may be started; None when there is enough memory.

        `report_short_of_disk` is called at every pass with the projects that wait for disk space.
        """
        self.budget = budget
        self.pool = SlotPool(budget.slots)
        self._tasks = tasks
        self._raw_videos = raw_videos
        self._ledger = ledger
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._supervisor = supervisor
        self._blockers = blockers
        self._memory_shortage = memory_shortage
        self._report_short_of_disk = report_short_of_disk
        self._wakeup = Wakeup()
        self._grants = Grants(tasks, ledger=ledger, pool=self.pool, reports=reports, changed=self._wakeup.set)
        self._faults = FaultLog("decide which jobs may start")
        self._slot_queue: tuple[str, ...] = ()
        self._n_passes, self._n_passes_seen = 0, -1
        ledger.listen(self._wakeup.set)
        watcher.listen(self._wakeup.set)
        film_statuses.listen(self._wakeup.set)

    @property
    def n_running(self) -> int:
        """Projects that hold slots."""
        return sum(holding.slots > 0 for holding in self._grants.holdings().values())

    def decision_now(self) -> Decision:
        """The decision for this moment: what each job waits for, or why it is suspended."""
        return self._decide(self._ledger.open_jobs())[0]

    def run_blocked(self) -> Mapping[str, Suspension]:
        """Job id -> why its workers may not run, paused or not; of jobs with an extractor."""
        return self._blockers.find(self._ledger.open_jobs(), self._grants.holdings()).run_blocked

    def slots_of(self, job_id: str) -> int:
        """How many slots the job holds now."""
        return self._grants.slots_of(job_id)

    def has_made_pass(self) -> bool:
        """Whether a pass was made since the last call; requests another."""
        has_passed = self._n_passes > self._n_passes_seen
        self._n_passes_seen = self._n_passes
        self._wakeup.set()
        return has_passed

    def change_budget(self, budget: Budget) -> None:
        """Running jobs are sent their new shares. None is ended when there are fewer places."""
        self.budget = budget
        self.pool.total = budget.slots
        self._wakeup.set()

    async def run(self, adoptions: Iterable[Adoption], *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Takes over adopted jobs, then dispatches until cancelled."""
        for adoption in adoptions:
            self._grants.adopt(adoption.job_id, adoption.held)
            resume = functools.partial(self._supervisor.resume, adoption.job_id)
            self._tasks.start_soon(self._supervise, adoption.job_id, resume)
        task_status.started()
        while True:
            try:
                wait_s = self._pass()
            except Exception as fault:  # noqa: BLE001 -- logged; what runs goes on, and the next pass may succeed
                self._faults.record("", fault)
                wait_s = _FAULT_PAUSE_S
            else:
                self._faults.clear("")
            await self._wakeup.wait(wait_s)

    def _pass(self) -> float | None:
        """Makes one pass. Returns the seconds until the next is needed; None: not before a change."""
        self._n_passes += 1
        self._grants.reclaim_parked()
        jobs = self._ledger.open_jobs()
        decision, found = self._decide(jobs)
        self._slot_queue = decision.slot_queue
        if found.needs_scan:
            self._watcher.scan_now()
        self._report_short_of_disk(found.short_of_disk)
        held = self._grants.holdings()
        for job in jobs:
            if job.id in held:
                self._supervisor.wake(job.id)
        resumed = {start.job_id: start.workers for start in decision.starts if start.job_id in held}
        # New jobs one at a time: the next pass then counts what the job before will write.
        new_starts = [start for start in decision.starts if start.job_id not in held]
        for job_id, workers in resumed.items():
            self._grants.take(job_id, workers)
        for start in new_starts[:1]:
            self._grants.take(start.job_id, start.workers)
            self._tasks.start_soon(self._supervise, start.job_id, functools.partial(self._attempt, start))
        if new_starts[1:]:
            self._wakeup.set()
        self._grants.send({**decision.shares, **resumed})
        waits_s = [due_s for due_s in (decision.next_due_s, found.recheck_in_s) if due_s is not None]
        if not self._grants.is_settled:
            waits_s.append(POLL_S)
        if decision.waiting and self._memory_shortage():
            waits_s.append(_MEMORY_POLL_S)
        return min(waits_s, default=None)

    def _decide(self, jobs: list[Job]) -> tuple[Decision, BlockedJobs]:
        holdings = self._grants.holdings()
        found = self._blockers.find(jobs, holdings)
        decision = decide(
            jobs,
            holdings=holdings,
            slot_queue=self._slot_queue,
            start_blocked=found.start_blocked,
            run_blocked=found.run_blocked,
            budget=self.budget,
            now=read_clocks(),
            closed=StartsBlocked(Draining() if self._ledger.is_draining else None, self._memory_shortage()),
        )
        return decision, found

    async def _supervise(self, job_id: str, supervise: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._contained(job_id, supervise)
        finally:
            self._grants.release(job_id)
            self._wakeup.set()

    async def _contained(self, job_id: str, supervise: Callable[[], Awaitable[None]]) -> None:
        """After a fault of framed in the supervision of one job, it is supervised again; others are unaffected."""
        while True:
            try:
                await supervise()
            except Exception:  # noqa: BLE001 -- logged, and supervised again
                _log.exception("supervision failed", extra=fields(job_id=job_id))
            else:
                return
            await anyio.sleep(_FAULT_PAUSE_S)
            if not self._ledger.is_open(job_id) or not isinstance(self._ledger.job(job_id).state, Running):
                return
            supervise = functools.partial(self._supervisor.resume, job_id)

    async def _attempt(self, start: Start) -> None:
        if not self._ledger.is_open(start.job_id):
            return
        job = self._ledger.job(start.job_id)
        project = self._watcher.catalog.projects.get(job.project)
        films = self._film_statuses.films_for(job, project) if project is not None else ()
        if films:
            await self._supervisor.run(job.id, films, start.workers)
            return
        reason = f"no film is left in {self._raw_videos / job.project}"
        outcome = Outcome(ending=Ending.NOT_STARTED, reason=reason, ended_at=read_clocks().utc)
        if job.attempts:
            await self._supervisor.clear_temp(job)
        try:
            await self._ledger.record(job.id, NoFilmsLeft(outcome=outcome))
        except IllegalEvent:
            _log.info("job is already over", extra=fields(job_id=job.id))
