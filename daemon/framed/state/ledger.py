"""The jobs, and the only writer of their state: apply an event, write it durably, then notify listeners.

Jobs that are not over, and the latest job of each project, are in memory; older ones only in the store. A change is
visible here after it is on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVarTuple, Unpack

import anyio
import anyio.to_thread

from frame_extractor.contract.answers import Probe
from framed.host.clock import read_clocks
from framed.log import fields
from framed.model.job import FilmVerdict, Job, Moment, Options, Queued, Verdict
from framed.policy.lifecycle import Event, advance, successor_of
from framed.policy.settle import Signature
from framed.state.replies import KeptReply
from framed.state.store import Store, StoreUnavailable

Arguments = TypeVarTuple("Arguments")

_log: Final = logging.getLogger(__name__)

_DRAINING: Final = "draining"
_RETRY_S: Final = 2.0
"""How often a change that has already happened and must be written is tried while the disk is full."""


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job to be created, without the fields that the ledger sets."""

    project: str
    by: Literal["user", "watch"]
    options: Options
    force: bool = False
    restore: bool = False
    with_ignored: bool = False
    id: str | None = None
    """Set when the id was announced before; else a new one is made."""


Answer = Callable[[Mapping[str, Job]], KeptReply]
"""Makes what is kept under a request's key from the jobs that have changed or are new, by project."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Changes of jobs and of the daemon's state, written in one transaction."""

    events: Mapping[str, Event] = field(default_factory=dict)
    """Job id -> event."""
    new_jobs: Iterable[NewJob] = ()
    verdicts: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)
    """Job id -> fingerprint -> verdict."""
    draining: bool | None = None
    """Whether the daemon is to drain; None: unchanged."""
    answer: Answer | None = None


class ProjectBusy(Exception):
    """The project of a new job has a job that is not over: another request came first."""

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.project = project


class Ledger:
    """All jobs and verdicts. Every change goes through `commit`; listeners are called when it is durable."""

    def __init__(self, store: Store, log_path: Callable[[str, Moment], str]) -> None:
        """Reads everything from the store; blocking. `log_path`: (project, time of submission) -> log of the job."""
        self._store = store
        self._log_path = log_path
        self._writing = anyio.Lock()
        self._jobs: dict[str, Job] = {job.id: job for job in store.latest_jobs()}
        self._latest: dict[str, str] = {job.project: job.id for job in self._jobs.values()}
        self._verdicts = store.verdicts()
        self._last_order = store.last_order()
        self.is_draining = _DRAINING in store.flags()
        """Whether no job may start until `undrain`."""
        self._changed = anyio.Event()
        self._listeners: list[Callable[[], None]] = []
        self.problem: str | None = None
        """Why the last change could not be written; None when it was."""

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called after every change. It must be quick and must not raise."""
        self._listeners.append(listener)

    async def wait_for_change(self) -> None:
        """Returns after the next change."""
        await self._changed.wait()

    def job(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def is_open(self, job_id: str) -> bool:
        """Whether the job is not over."""
        return job_id in self._jobs and not self._jobs[job_id].is_over

    def open_jobs(self) -> list[Job]:
        """Every job that is not over, in queue order."""
        return sorted((job for job in self._jobs.values() if not job.is_over), key=lambda job: job.order)

    def latest(self, project: str) -> Job | None:
        """The project's latest job; None when it never had one."""
        job_id = self._latest.get(project)
        return None if job_id is None else self._jobs[job_id]

    def projects(self) -> Iterable[str]:
        """Every project that ever had a job."""
        return self._latest.keys()

    def verdict(self, project: str, fingerprint: str) -> Verdict | None:
        return self._verdicts.get((project, fingerprint))

    async def knows(self, job_id: str) -> bool:
        """Whether there ever was such a job. Raises StoreUnavailable."""
        if job_id in self._jobs:
            return True
        async with self._writing:
            return await anyio.to_thread.run_sync(self._store.has_job, job_id)

    async def reply(self, key: str) -> KeptReply | None:
        """The answer kept under this idempotency key. Raises StoreUnavailable."""
        async with self._writing:
            return await anyio.to_thread.run_sync(self._store.reply, key)

    def remembered_films(self) -> dict[str, tuple[Signature, str]]:
        """Path -> signature and fingerprint of settled films; blocking."""
        return self._store.films()

    async def remember_films(self, films: Mapping[str, tuple[Signature, str]]) -> None:
        """These are kept across restarts. Raises StoreUnavailable."""
        async with self._writing:
            await self._written(self._store.remember_films, films)

    def remembered_probes(self) -> dict[str, Probe]:
        """Fingerprint -> probe result; blocking."""
        return self._store.probes()

    async def remember_probes(self, probes: Mapping[str, Probe]) -> None:
        """Path -> probe result; these are kept across restarts. Raises StoreUnavailable."""
        async with self._writing:
            await self._written(self._store.remember_probes, probes)

    async def commit(
        self,
        events: Mapping[str, Event],
        new_jobs: Iterable[NewJob] = (),
        *,
        verdicts: Mapping[str, Mapping[str, Verdict]] | None = None,
        answer: Answer | None = None,
    ) -> Mapping[str, Job]:
        """As `decide`, with a change that is already decided. Raises ProjectBusy, and IllegalEvent for a late event."""
        change = Change(events=events, new_jobs=new_jobs, verdicts=verdicts or {}, answer=answer)
        return await self.decide(lambda: change)

    async def decide(self, decision: Callable[[], Change]) -> Mapping[str, Job]:
        """Calls `decision` and writes its change, with no other change in between.

        When a job ends that has a successor, the successor is queued. Returns the changed jobs by project, the later of
        two. Raises StoreUnavailable, and what `decision` raises.
        """
        return {job.project: job for job in await self._commit(decision)}

    async def record(self, job_id: str, event: Event, verdicts: Mapping[str, Verdict] | None = None) -> Job:
        """The job after an event that has already happened: tried until it can be written. Raises IllegalEvent."""
        warned = False
        change = Change(events={job_id: event}, verdicts={job_id: verdicts or {}})
        while True:
            try:
                return (await self._commit(lambda: change))[0]
            except StoreUnavailable as unavailable:
                if not warned:
                    warned = True
                    _log.error("state cannot be written", extra=fields(job_id=job_id, why=unavailable.why))
                await anyio.sleep(_RETRY_S)

    async def _commit(self, decision: Callable[[], Change]) -> list[Job]:
        """The changed jobs, in the order of `events`, then the new ones."""
        async with self._writing:
            change = decision()
            now = read_clocks()
            jobs = [advance(self._jobs[job_id], event, now) for job_id, event in change.events.items()]
            arriving = [new for job in jobs if (new := _successor(self._jobs[job.id], job)) is not None]
            for new in change.new_jobs:
                latest = self.latest(new.project)
                if latest is not None and not latest.is_over:
                    raise ProjectBusy(new.project)
                arriving.append(new)
            jobs += [self._new_job(new, self._last_order + n, now) for n, new in enumerate(arriving, 1)]
            decided = [
                FilmVerdict(
                    project=self._jobs[job_id].project, fingerprint=fingerprint, verdict=verdict,
                    job_id=job_id, decided_at=now.utc,
                )
                for job_id, films in change.verdicts.items()
                for fingerprint, verdict in films.items()
            ]  # fmt: skip
            reply = change.answer({job.project: job for job in jobs}) if change.answer else None
            flags = {} if change.draining is None else {_DRAINING: change.draining}
            await self._written(self._store.write, jobs, decided, reply, flags)
            self._verdicts |= {(each.project, each.fingerprint): each.verdict for each in decided}
            if change.draining is not None and change.draining != self.is_draining:
                self.is_draining = change.draining
                _log.info("draining" if change.draining else "no longer draining")
            self._publish(jobs)
        return jobs

    async def retry_failed_writes(self) -> None:
        """While the state cannot be written, tries again and notifies listeners. Runs until cancelled."""
        while True:
            await anyio.sleep(_RETRY_S)
            if self.problem:
                with contextlib.suppress(StoreUnavailable):
                    async with self._writing:
                        await self._written(self._store.try_to_write)
                    self._notify()

    async def _written(self, write: Callable[[Unpack[Arguments]], None], *arguments: *Arguments) -> None:
        try:
            await anyio.to_thread.run_sync(write, *arguments)
        except StoreUnavailable as unavailable:
            self.problem = f"the state database {unavailable.store} cannot be written: {unavailable.why}"
            raise
        self.problem = None

    def _new_job(self, new: NewJob, order: int, now: Moment) -> Job:
        return Job(
            id=new.id or new_job_id(),
            project=new.project,
            order=order,
            by=new.by,
            options=new.options,
            force=new.force,
            restore=new.restore,
            with_ignored=new.with_ignored,
            submitted=now,
            log_path=self._log_path(new.project, now),
            state=Queued(since=now.utc),
        )

    def _publish(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            replaced = self._latest.get(job.project)
            if replaced is not None and replaced != job.id:
                del self._jobs[replaced]
            self._jobs[job.id] = job
            self._latest[job.project] = job.id
            self._last_order = max(self._last_order, job.order)
            _log.info("job changed", extra=_log_fields(job))
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
        for listener in self._listeners:
            listener()


def new_job_id() -> str:
    """An id that no other job has."""
    return uuid.uuid4().hex[:12]


def _successor(before: Job, after: Job) -> NewJob | None:
    promised = successor_of(before, after)
    if promised is None:
        return None
    return NewJob(
        project=after.project,
        by="user",
        options=promised.options,
        force=promised.force,
        restore=promised.restore,
        with_ignored=promised.with_ignored,
        id=promised.id,
    )


def _log_fields(job: Job) -> dict[str, object]:
    last = job.last_attempt
    return fields(
        project=job.project,
        job_id=job.id,
        state=type(job.state).__name__.upper(),
        attempt=last.number if last else None,
        workers=last.workers if last else None,
        outcome=last.outcome.summary if last and last.outcome else None,
        paused=job.paused or None,
    )
