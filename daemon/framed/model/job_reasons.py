"""The reasons that follow from a job alone. Pure."""

from __future__ import annotations

from framed.model.job import Job, Outcome
from framed.model.reasons import AttemptEnded, Paused, PausePhase


def attempt_ended(outcome: Outcome) -> AttemptEnded:
    """The outcome as a reason."""
    return AttemptEnded(ending=outcome.ending, exit_code=outcome.code, message=outcome.reason)


def last_attempt_ended(job: Job) -> AttemptEnded | None:
    """None before the end of the first attempt, and when its outcome is not known."""
    last = job.attempts[-1] if job.attempts else None
    return attempt_ended(last.outcome) if last is not None and last.outcome is not None else None


def pause_of_waiting(job: Job) -> Paused:
    """The reason of a paused job without an extractor."""
    return Paused(phase=PausePhase.BETWEEN_ATTEMPTS if job.attempts else PausePhase.BEFORE_START)
