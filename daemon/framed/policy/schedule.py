"""Who may start now or go on, with how many workers, and what the others wait for. Pure."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framed.model.job import Job, Moment, Retrying
from framed.policy.shares import Budget, Claim, shares

PAUSED = "paused"


@dataclass(frozen=True)
class SlotHolding:
    """What a job that was started has at this moment, as far as framed knows."""

    slots: int
    """Held by its workers; 0 when it was paused and all have parked."""
    is_elastic: bool = True
    """False while its workers can stop only all together."""


@dataclass(frozen=True)
class StartsBlocked:
    """Why nothing may start, for all jobs alike: one line for a person each, empty when it may."""

    for_new: str = ""
    """For jobs that have no extractor."""
    for_more_memory: str = ""
    """For whatever begins worker processes."""


NOTHING_BLOCKED = StartsBlocked()


@dataclass(frozen=True)
class Start:
    job_id: str
    workers: int


@dataclass(frozen=True)
class Decision:
    starts: tuple[Start, ...]
    """Jobs that start, or go on after a pause, with slots that are free; in the order in which they take them."""
    slot_queue: tuple[str, ...]
    """Ids of those that have a place and wait for slots, the first first."""
    shares: Mapping[str, int]
    """Job id -> the slots that a job at work is to have: it parks what is more, and takes what is free of the rest. 0
    for those that are to rest; paused ones are not in it.
    """
    suspended: Mapping[str, str]
    """Job id -> why a job with an extractor is to rest although its user has not paused it, one line for a person."""
    waiting: Mapping[str, str]
    """Job id -> what it waits for, one line for a person."""
    next_due_s: float | None
    """Seconds until the first backoff is over; None when nothing waits for time."""


def decide(
    jobs: Iterable[Job],
    *,
    holdings: Mapping[str, SlotHolding],
    slot_queue: Sequence[str],
    start_blocked: Mapping[str, str],
    run_blocked: Mapping[str, str],
    budget: Budget,
    now: Moment,
    closed: StartsBlocked = NOTHING_BLOCKED,
) -> Decision:
    """Who may start, first come first served.

    `jobs`: all that are not over, in queue order. `seats`: by id, those that were started and have not ended. `line`:
    that of the last decision; nobody overtakes it. `gates`: job id -> why it may not start whatever its place, for
    instance because its film is still being copied. `rests`: job id -> why one that was started may not be at work.
    """
    jobs = list(jobs)
    resting = {
        job.id: run_blocked[job.id] for job in jobs if job.id in holdings and job.id in run_blocked and not job.paused
    }
    able = {job.id for job in jobs if job.id in holdings and not job.paused and job.id not in resting}
    active = [job for job in jobs if job.id in able and holdings[job.id].slots]
    waiting: dict[str, str] = {}
    ready: list[Job] = []
    dues = [_due_in_s(job, now) for job in jobs if job.id not in holdings and not job.paused]
    folders = {_output_folder(job): job.project for job in jobs if job.id in holdings}
    for job in jobs:
        if job.id in holdings:
            if job.id in able and not holdings[job.id].slots:
                ready.append(job)
        elif why := _start_blocker(job, start_blocked, closed, now):
            waiting[job.id] = why
        elif (other := folders.get(_output_folder(job))) is not None:
            waiting[job.id] = f"waiting for project {other}, which writes into the same folder"
        else:
            folders[_output_folder(job)] = job.project
            ready.append(job)
    if closed.for_more_memory:
        # Of those with an extractor too: their workers may have been ended while they were paused.
        waiting |= {job.id: closed.for_more_memory for job in ready}
        ready = []
    ready.sort(key=lambda job: slot_queue.index(job.id) if job.id in slot_queue else len(slot_queue))
    chosen = ready[: max(0, budget.max_active - len(active))]
    n_running = len(active) + len(chosen)
    for job in ready[len(chosen) :]:
        waiting[job.id] = f"waiting for a place: {n_running} of {budget.max_active} projects running"

    claims = {job.id: _claim(job, holdings.get(job.id)) for job in (*active, *chosen)}
    share_of = shares(claims, budget.slots)
    used = sum(seat.slots for seat in holdings.values())
    starts: list[Start] = []
    for job in chosen:
        workers = min(share_of[job.id], budget.slots)
        if used + workers > budget.slots:
            break
        starts.append(Start(job.id, workers))
        used += workers
    in_line = chosen[len(starts) :]
    for job in in_line:
        workers = share_of[job.id]
        asked_for = f"{workers} worker{'s' * (workers != 1)}"
        waiting[job.id] = f"waiting for {asked_for}: {used} of {budget.slots} in use"
    free = 0 if in_line or closed.for_more_memory else max(0, budget.slots - used)
    is_to_have = dict.fromkeys(resting, 0)
    for job in active:
        held = holdings[job.id].slots
        is_to_have[job.id] = min(share_of[job.id], held + free)
        free -= max(0, is_to_have[job.id] - held)
    return Decision(
        starts=tuple(starts),
        slot_queue=tuple(job.id for job in in_line),
        shares=is_to_have,
        suspended=resting,
        waiting=waiting,
        next_due_s=min((due_s for due_s in dues if due_s > 0), default=None),
    )


def _start_blocker(job: Job, gates: Mapping[str, str], closed: StartsBlocked, now: Moment) -> str:
    """Why a job that has no extractor may not begin one whatever its place; empty when it may."""
    if job.paused:
        return PAUSED
    if (due_s := _due_in_s(job, now)) > 0:
        return f"retry in {math.ceil(due_s)} s after {_last_outcome(job)}"
    return gates.get(job.id, "") or closed.for_new


def _due_in_s(job: Job, now: Moment) -> float:
    return job.state.due.in_s(now) if isinstance(job.state, Retrying) else 0.0


def _claim(job: Job, seat: SlotHolding | None) -> Claim:
    return Claim(job.options.workers, fixed=0 if seat is None or seat.is_elastic else seat.slots)


def _output_folder(job: Job) -> str:
    """Where results, records and unfinished images lie: beside the frames."""
    return os.path.dirname(job.options.frames_dir)


def _last_outcome(job: Job) -> str:
    last = job.last_attempt
    return last.outcome.summary if last is not None and last.outcome is not None else "a failed attempt"
