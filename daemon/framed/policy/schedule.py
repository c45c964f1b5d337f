"""Who may start now, with how many workers, and what the others wait for. Pure."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framed.model.job import Job, Moment, Retrying
from framed.policy.shares import Budget, share


@dataclass(frozen=True)
class Start:
    job_id: str
    workers: int


@dataclass(frozen=True)
class Decision:
    starts: tuple[Start, ...]
    """In the order in which they take their slots."""
    waiting: Mapping[str, str]
    """Job id -> what it waits for, one line for a person."""
    next_due_s: float | None
    """Seconds until the first backoff is over; None when nothing waits for time."""


def decide(
    jobs: Iterable[Job], *, placed: frozenset[str], gates: Mapping[str, str], budget: Budget, now: Moment
) -> Decision:
    """Who may start, first come first served.

    `jobs`: all that are not over, in queue order. `placed`: ids of those that run or have been told to start. `gates`:
    job id -> why it may not start whatever its place, for instance because its film is still being copied.
    """
    jobs = list(jobs)
    waiting: dict[str, str] = {}
    ready: list[Job] = []
    dues = []
    folders = {_output_folder(job): job.project for job in jobs if job.id in placed}
    for job in jobs:
        if job.id in placed:
            continue
        if isinstance(job.state, Retrying) and (due_s := job.state.due.in_s(now)) > 0:
            dues.append(due_s)
            waiting[job.id] = f"retry in {math.ceil(due_s)} s after {_last_outcome(job)}"
        elif job.id in gates:
            waiting[job.id] = gates[job.id]
        elif (other := folders.get(_output_folder(job))) is not None:
            waiting[job.id] = f"waiting for project {other}, which writes into the same folder"
        else:
            folders[_output_folder(job)] = job.project
            ready.append(job)
    chosen = ready[: max(0, budget.max_active - len(placed))]
    for job in ready[len(chosen) :]:
        n_running = len(placed) + len(chosen)
        waiting[job.id] = f"waiting for a place: {n_running} of {budget.max_active} projects running"
    n_active = len(placed) + len(chosen)
    starts = tuple(Start(job.id, share(job.options.workers, budget.slots, n_active)) for job in chosen)
    return Decision(starts, waiting, min(dues, default=None))


def _output_folder(job: Job) -> str:
    """Where results, records and unfinished images lie: beside the frames."""
    return os.path.dirname(job.options.frames_dir)


def _last_outcome(job: Job) -> str:
    last = job.last_attempt
    return last.outcome.summary if last is not None and last.outcome is not None else "a failed attempt"
