"""Which jobs may start or resume now, with how many workers, and what the others wait for. Pure."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from framed.model.job import Job, Moment, Retrying
from framed.model.job_reasons import last_attempt_ended, pause_of_waiting
from framed.model.reasons import (
    AwaitingFolder,
    AwaitingMemory,
    AwaitingPlace,
    AwaitingSlots,
    Backoff,
    Draining,
    Suspension,
    Waiting,
)
from framed.policy.shares import Budget, Claim, shares


@dataclass(frozen=True)
class SlotHolding:
    """The slots that a job with an extractor holds, as far as framed knows."""

    slots: int
    """Held by its workers; 0 when it is paused or suspended and all have parked."""
    is_elastic: bool = True
    """False while its workers can only park all together."""


@dataclass(frozen=True)
class StartsBlocked:
    """Reasons that prevent every job from starting; None where there is none."""

    for_new: Draining | None = None
    """For jobs that have no extractor."""
    for_more_memory: AwaitingMemory | None = None
    """For everything that starts worker processes."""


NOTHING_BLOCKED = StartsBlocked()


@dataclass(frozen=True)
class Start:
    job_id: str
    workers: int


@dataclass(frozen=True)
class Decision:
    starts: tuple[Start, ...]
    """Jobs that start, or resume after a pause, with free slots; in the order in which they take them."""
    slot_queue: tuple[str, ...]
    """Ids of the jobs that have a place and wait for slots, in order."""
    shares: Mapping[str, int]
    """Job id -> the slots that an active job is to have: it parks what is more, and takes what is free of the others. 0
    for suspended ones; paused ones are not in it.
    """
    suspended: Mapping[str, Suspension]
    """Job id -> why the workers of a job with an extractor may not run, although its user has not paused it."""
    waiting: Mapping[str, Waiting]
    """Job id -> what it waits for."""
    next_due_s: float | None
    """Seconds until the first backoff is over; None without one."""


def decide(
    jobs: Iterable[Job],
    *,
    holdings: Mapping[str, SlotHolding],
    slot_queue: Sequence[str],
    start_blocked: Mapping[str, Waiting],
    run_blocked: Mapping[str, Suspension],
    budget: Budget,
    now: Moment,
    closed: StartsBlocked = NOTHING_BLOCKED,
) -> Decision:
    """Which jobs start, first come first served.

    `jobs`: all that are not over, in queue order. `holdings`: by id, those that were started and have not ended.
    `slot_queue`: that of the last decision; its order is kept. `start_blocked`: job id -> why it may not start,
    for instance because its film is still being copied. `run_blocked`: job id -> why none of the
    workers of one that was started may run.
    """
    jobs = list(jobs)
    suspended = {
        job.id: run_blocked[job.id] for job in jobs if job.id in holdings and job.id in run_blocked and not job.paused
    }
    started = [job for job in jobs if job.id in holdings and not job.paused and job.id not in suspended]
    active = [job for job in started if holdings[job.id].slots]
    ready, waiting = _ready(jobs, started, holdings, start_blocked, closed, now=now)
    ready.sort(key=lambda job: slot_queue.index(job.id) if job.id in slot_queue else len(slot_queue))
    chosen = ready[: max(0, budget.max_active - len(active))]
    awaits_place = AwaitingPlace(running=len(active) + len(chosen), max_active=budget.max_active)
    waiting |= {job.id: awaits_place for job in ready[len(chosen) :]}

    claims = {job.id: _claim(job, holdings.get(job.id)) for job in (*active, *chosen)}
    share_of = shares(claims, budget.slots)
    held = sum(holding.slots for holding in holdings.values())
    starts = _starts(chosen, share_of, held, budget)
    used = held + sum(start.workers for start in starts)
    queued = chosen[len(starts) :]
    waiting |= {job.id: AwaitingSlots(workers=share_of[job.id], used=used, total=budget.slots) for job in queued}
    free = 0 if queued or closed.for_more_memory else max(0, budget.slots - used)
    dues_s = [_due_in_s(job, now) for job in jobs if job.id not in holdings and not job.paused]
    return Decision(
        starts=tuple(starts),
        slot_queue=tuple(job.id for job in queued),
        shares=dict.fromkeys(suspended, 0) | _shares_of_active(active, share_of, holdings, free),
        suspended=suspended,
        waiting=waiting,
        next_due_s=min((due_s for due_s in dues_s if due_s > 0), default=None),
    )


def _ready(
    jobs: Iterable[Job],
    started: Collection[Job],
    holdings: Mapping[str, SlotHolding],
    start_blocked: Mapping[str, Waiting],
    closed: StartsBlocked,
    *,
    now: Moment,
) -> tuple[list[Job], dict[str, Waiting]]:
    """Those that need only a place and slots, in queue order; and by id what the others without an extractor wait for.

    `started`: those of the jobs with an extractor that are neither paused nor suspended. One of them that holds no
    slots is ready to resume.
    """
    ready: list[Job] = []
    waiting: dict[str, Waiting] = {}
    may_resume = {job.id for job in started if not holdings[job.id].slots}
    folders = {_output_folder(job): job.project for job in jobs if job.id in holdings}
    for job in jobs:
        if job.id in holdings:
            if job.id in may_resume:
                ready.append(job)
        elif (blocker := _start_blocker(job, start_blocked, closed, now)) is not None:
            waiting[job.id] = blocker
        elif (other := folders.get(_output_folder(job))) is not None:
            waiting[job.id] = AwaitingFolder(project=other)
        else:
            folders[_output_folder(job)] = job.project
            ready.append(job)
    if closed.for_more_memory is not None:
        # For jobs with an extractor too: their workers may have ended during the pause.
        waiting |= dict.fromkeys((job.id for job in ready), closed.for_more_memory)
        ready = []
    return ready, waiting


def _start_blocker(
    job: Job, start_blocked: Mapping[str, Waiting], closed: StartsBlocked, now: Moment
) -> Waiting | None:
    """The reason why a job without an extractor may not start one, wherever it is in the queue."""
    if job.paused:
        return pause_of_waiting(job)
    if (due_s := _due_in_s(job, now)) > 0:
        return Backoff(retry_in_s=math.ceil(due_s), after=last_attempt_ended(job))
    return start_blocked.get(job.id) or closed.for_new


def _starts(chosen: Iterable[Job], share_of: Mapping[str, int], used: int, budget: Budget) -> list[Start]:
    """The first of those chosen, up to the first for whose share too few slots are free. `used`: slots held now."""
    starts: list[Start] = []
    for job in chosen:
        workers = min(share_of[job.id], budget.slots)
        if used + workers > budget.slots:
            break
        starts.append(Start(job.id, workers))
        used += workers
    return starts


def _shares_of_active(
    active: Iterable[Job], share_of: Mapping[str, int], holdings: Mapping[str, SlotHolding], free: int
) -> dict[str, int]:
    """Each job shrinks to its share at once, and grows towards it with free slots, in queue order."""
    found = {}
    for job in active:
        held = holdings[job.id].slots
        found[job.id] = min(share_of[job.id], held + free)
        free -= max(0, found[job.id] - held)
    return found


def _due_in_s(job: Job, now: Moment) -> float:
    return job.state.due.in_s(now) if isinstance(job.state, Retrying) else 0.0


def _claim(job: Job, holding: SlotHolding | None) -> Claim:
    return Claim(job.options.workers, fixed=0 if holding is None or holding.is_elastic else holding.slots)


def _output_folder(job: Job) -> str:
    """Where results, records and unfinished images lie: beside the frames."""
    return posixpath.dirname(job.options.frames_dir)
