"""Starts what may start. Who that is, `policy.schedule` says; this is the loop that asks it and gives out the slots."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from framed.bell import Bell
from framed.clock import read_clocks
from framed.intake import films_for
from framed.ledger import Ledger
from framed.liveness import boot_id
from framed.log import fields
from framed.model.job import Ending, Job, Moment, Options, Outcome, Running
from framed.policy.lifecycle import FilmsGone, IllegalEvent
from framed.policy.schedule import Decision, Start, decide
from framed.policy.shares import Budget
from framed.reconcile import Adoption
from framed.slots import SlotPool
from framed.supervise import Supervisor
from framed.watch import Watcher

_log: Final = logging.getLogger(__name__)

_FAULT_PAUSE_S: Final = 10.0


@dataclass
class _Place:
    """A job that runs or has been told to start."""

    workers: int
    options: Options
    waits_for_slots: bool = True
    line: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Around the wait for its slots, and nothing else."""


class Dispatcher:
    """One pass after every change: of a job, of the catalog, of a slot, and when a backoff is over."""

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        raw_videos: Path,
        ledger: Ledger,
        watcher: Watcher,
        supervisor: Supervisor,
        pool: SlotPool,
        budget: Budget,
    ) -> None:
        self.budget = budget
        self.pool = pool
        self._tasks = tasks
        self._raw_videos = raw_videos
        self._ledger = ledger
        self._watcher = watcher
        self._supervisor = supervisor
        self._bell = Bell()
        self._places: dict[str, _Place] = {}
        ledger.listen(self._bell.ring)
        watcher.listen(self._bell.ring)

    @property
    def n_running(self) -> int:
        """Projects that hold slots."""
        return sum(not place.waits_for_slots for place in self._places.values())

    def waiting(self) -> Mapping[str, str]:
        """Job id -> what it waits for at this moment, one line for a person."""
        slots = self.pool.statistics()
        for_slots = {
            job_id: f"waiting for {place.workers} workers: {slots.used} of {slots.total} in use"
            for job_id, place in self._places.items()
            if place.waits_for_slots
        }
        return {**self._decision(self._ledger.open_jobs()).waiting, **for_slots}

    async def run(self, adoptions: Iterable[Adoption], *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Takes over what runs, then starts what may start for as long as the daemon lives."""
        for adoption in adoptions:
            options = self._ledger.job(adoption.job_id).options
            self._places[adoption.job_id] = _Place(adoption.workers, options, waits_for_slots=False)
            self._tasks.start_soon(self._conduct_adopted, adoption)
        task_status.started()
        while True:
            next_due_s = self._pass()
            await self._bell.wait(next_due_s)

    def _pass(self) -> float | None:
        jobs = {job.id: job for job in self._ledger.open_jobs()}
        for job_id, place in self._places.items():
            job = jobs.get(job_id)
            if job is None or (not isinstance(job.state, Running) and job.options != place.options):
                place.line.cancel()
            else:
                self._supervisor.look_again(job_id)
        decision = self._decision(list(jobs.values()))
        for start in decision.starts:
            self._places[start.job_id] = _Place(start.workers, jobs[start.job_id].options)
            self._tasks.start_soon(self._conduct, start)
        return decision.next_due_s

    def _decision(self, jobs: list[Job]) -> Decision:
        gates = {job.id: gate for job in jobs if (gate := self._gate(job))}
        return decide(jobs, placed=frozenset(self._places), gates=gates, budget=self.budget, now=read_clocks())

    async def _conduct(self, start: Start) -> None:
        place = self._places[start.job_id]
        lease = None
        try:
            with place.line:
                lease = await self.pool.acquire(start.workers)
            if lease is not None:
                place.waits_for_slots = False
                await self._contained(start.job_id, lambda: self._attempt(start))
        finally:
            if lease is not None:
                lease.release()
            self._leave(start.job_id)

    async def _conduct_adopted(self, adoption: Adoption) -> None:
        try:
            await self._contained(adoption.job_id, lambda: self._supervisor.resume(adoption.job_id))
        finally:
            adoption.lease.release()
            self._leave(adoption.job_id)

    async def _contained(self, job_id: str, supervise: Callable[[], Awaitable[None]]) -> None:
        """A fault of framed itself in one job's supervision costs neither the other jobs nor this one."""
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
        films = films_for(job, project, self._ledger) if project is not None else ()
        if films:
            await self._supervisor.run(job.id, films, start.workers)
            return
        reason = f"no film is left in {self._raw_videos / job.project}"
        outcome = Outcome(ending=Ending.NOT_STARTED, reason=reason, ended_at=read_clocks().utc)
        if job.attempts:
            await self._supervisor.clear_temp(job)
        try:
            await self._ledger.record(job.id, FilmsGone(outcome=outcome))
        except IllegalEvent:
            _log.info("job was over already", extra=fields(job_id=job.id))

    def _leave(self, job_id: str) -> None:
        del self._places[job_id]
        self._bell.ring()

    def _gate(self, job: Job) -> str:
        """Why the job may not start whatever its place; empty when it may."""
        catalog = self._watcher.catalog
        if catalog.problem:
            return catalog.problem
        if job.by == "user" and _is_before(catalog.looked_at_s, job.submitted):
            return "looking for films"
        project = catalog.projects.get(job.project)
        if project is None or not project.settling or (job.by == "watch" and project.settled):
            return ""
        return project.settling_words(time.monotonic())


def _is_before(monotonic_s: float, moment: Moment) -> bool:
    return moment.boot_id == boot_id() and monotonic_s < moment.monotonic_s
