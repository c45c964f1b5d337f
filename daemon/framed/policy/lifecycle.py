"""The states of a job, and the events that change them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from framed.model.job import (
    Attempt,
    Cancel,
    Cancelled,
    Complete,
    Due,
    Failed,
    Job,
    JobFilm,
    JobState,
    Moment,
    Options,
    Outcome,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
    Successor,
)
from framed.policy.retry import Consequence, Done, GiveUp, RetryAfter, StopCancelled

KEPT_ATTEMPTS: Final = 50
"""A job that waits for disk space may retry for weeks; its oldest attempts are dropped."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """An attempt is about to be started with these films."""

    attempt: Attempt
    films: tuple[JobFilm, ...]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The running attempt is over."""

    outcome: Outcome
    consequence: Consequence


@dataclass(frozen=True)
class CancelRequested:
    """The user wants the job to end."""


@dataclass(frozen=True, kw_only=True)
class Resubmitted:
    """The user submits a waiting job again: with these settings, without backoff, and with all attempts."""

    options: Options
    force: bool
    with_ignored: bool = False
    restore: bool = False


@dataclass(frozen=True, kw_only=True)
class ReplaceRequested:
    """The user wants the running job to end, and another to take its place then."""

    successor: Successor


@dataclass(frozen=True, kw_only=True)
class NoFilmsLeft:
    """A waiting job has nothing left to extract."""

    outcome: Outcome


@dataclass(frozen=True)
class PauseRequested:
    """The user pauses the job, whether it runs or waits."""


@dataclass(frozen=True)
class ResumeRequested:
    """The user resumes the job."""


Event = (
    Started | Ended | CancelRequested | Resubmitted | ReplaceRequested | NoFilmsLeft | PauseRequested | ResumeRequested
)


class IllegalEvent(Exception):
    """An event that cannot happen to a job in this state: a fault in framed."""

    def __init__(self, job: Job, event: Event) -> None:
        super().__init__(f"{type(event).__name__} for job {job.id}, which is {type(job.state).__name__}")
        self.job = job
        self.event = event


def advance(job: Job, event: Event, now: Moment) -> Job:
    """The job after the event. Raises IllegalEvent; a job that is over takes no event at all."""
    match job.state, event:
        case Queued() | Retrying(), Started(attempt=attempt, films=films):
            return _with(job, Running(since=now.utc, attempt=attempt), films=films)
        case Queued() | Retrying(), CancelRequested():
            last = job.last_attempt
            return _with(job, Cancelled(since=now.utc, outcome=last.outcome if last else None, asked=True))
        case Queued() | Retrying(), Resubmitted() as change:
            asked = {name: getattr(change, name) for name in ("options", "force", "with_ignored", "restore")}
            return _with(job, Queued(since=now.utc), **asked, by="user", failures=0)
        case Queued() | Retrying(), NoFilmsLeft(outcome=outcome):
            return _with(job, Failed(since=now.utc, outcome=outcome))
        case Queued() | Retrying() | Running(), PauseRequested() | ResumeRequested():
            return _with(job, job.state, paused=isinstance(event, PauseRequested))
        case Running() as running, CancelRequested():
            return _with(job, msgspec.structs.replace(running, stop_request=Cancel()))
        case Running() as running, ReplaceRequested(successor=successor):
            return _with(job, msgspec.structs.replace(running, stop_request=ReplaceBy(successor=successor)))
        case Running() as running, Ended(outcome=outcome, consequence=consequence):
            ended = msgspec.structs.replace(running.attempt, outcome=outcome)
            return _with(
                job,
                _after(running, outcome, consequence, now),
                attempts=(*_without_lines(job.attempts), ended)[-KEPT_ATTEMPTS:],
                failures=job.failures + _counts(consequence),
            )
        case _:
            raise IllegalEvent(job, event)


def _after(running: Running, outcome: Outcome, consequence: Consequence, now: Moment) -> JobState:
    match consequence:
        case Done():
            return Complete(since=now.utc, outcome=outcome)
        case GiveUp():
            return Failed(since=now.utc, outcome=outcome)
        case StopCancelled():
            return Cancelled(since=now.utc, outcome=outcome, asked=running.stop_request is not None)
        case RetryAfter(after_s=after_s) if after_s > 0:
            return Retrying(since=now.utc, due=Due(boot_id=now.boot_id, monotonic_s=now.monotonic_s + after_s))
        case RetryAfter():
            return Queued(since=now.utc, is_requeued=True)


def successor_of(before: Job, after: Job) -> Successor | None:
    """The successor to be queued now that `before` has become `after`; None without one."""
    if not isinstance(before.state, Running) or not after.is_over:
        return None
    request = before.state.stop_request
    return request.successor if isinstance(request, ReplaceBy) else None


def _without_lines(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    return tuple(
        msgspec.structs.replace(each, outcome=msgspec.structs.replace(each.outcome, last_lines=()))
        if each.outcome is not None and each.outcome.last_lines
        else each
        for each in attempts
    )


def _counts(consequence: Consequence) -> bool:
    return isinstance(consequence, GiveUp) or (isinstance(consequence, RetryAfter) and consequence.counted)


def _with(job: Job, state: JobState, **changes: object) -> Job:
    return msgspec.structs.replace(job, state=state, **changes)
