"""The consequence of an attempt's outcome: done, given up, cancelled, or another attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from frame_extractor.contract.exit_codes import ExitCode
from framed.model.job import Attempt, Ending, Job, Outcome, Running, Verdict
from framed.settings.config import RetrySettings

_NEVER_AGAIN: Final = frozenset(
    {ExitCode.USAGE, ExitCode.NOT_A_FILM, ExitCode.TOO_MUCH_FAILED, ExitCode.BAD_SETTINGS},
)
"""The input is bad: another attempt would end in the same way."""

FURTHER_S: Final = 10.0
"""Of film. A film that crashes its reader at one place seems to get a little further now and then: progress is
reported once a second, and by several workers.
"""

_NOT_COUNTED: Final = frozenset({ExitCode.DISK_FULL, ExitCode.SUPERSEDED, ExitCode.FILM_CHANGED})
"""The film is not at fault: it waits for disk space, for another extractor's end, or until its file is unchanged."""


@dataclass(frozen=True)
class Done:
    """The job is complete."""


@dataclass(frozen=True)
class GiveUp:
    """The job has failed."""


@dataclass(frozen=True)
class StopCancelled:
    """The job is cancelled."""


@dataclass(frozen=True, kw_only=True)
class RetryAfter:
    """Another attempt, after a delay."""

    after_s: float
    counted: bool
    """Whether the failed attempt counts against the limit."""


Consequence = Done | GiveUp | StopCancelled | RetryAfter


def consequence_of(job: Job, outcome: Outcome, settings: RetrySettings, dice: float) -> Consequence:
    """The consequence for a running job of its attempt's outcome. `dice`, from -1 to 1, varies the backoff."""
    if outcome.code == ExitCode.DONE:
        return Done()
    if outcome.ending is Ending.STOPPED or (isinstance(job.state, Running) and job.state.stop_request is not None):
        return StopCancelled()
    if outcome.code in _NEVER_AGAIN:
        return GiveUp()
    if is_not_counted(outcome):
        before = _not_counted_in_a_row(job.attempts)
        # Lost once: retried at once. Lost repeatedly: the cause needs time to go away.
        at_once = outcome.ending is Ending.LOST and before == 0
        return RetryAfter(after_s=0.0 if at_once else backoff_s(before + 1, settings, dice), counted=False)
    if got_further(job.attempts, outcome):
        return RetryAfter(after_s=backoff_s(max(1, job.failures), settings, dice), counted=False)
    failures = job.failures + 1
    if failures > job.options.retry:
        return GiveUp()
    return RetryAfter(after_s=backoff_s(failures, settings, dice), counted=True)


def verdict_of(consequence: Consequence) -> Verdict | None:
    """The verdict on the job's films that are not extracted; None while the job continues."""
    match consequence:
        case RetryAfter():
            return None
        case Done():
            return Verdict.COMPLETE
        case GiveUp():
            return Verdict.FAILED
        case StopCancelled():
            return Verdict.CANCELLED


def backoff_s(failures: int, settings: RetrySettings, dice: float) -> float:
    """The backoff after that many consecutive failures, 1 or more."""
    # The exponent is limited because floats end at 1e308; the longest backoff is reached far below.
    wait = min(settings.max_s, settings.base_s * settings.factor ** min(failures - 1, 64))
    return wait * (1 + settings.jitter * dice)


def is_not_counted(outcome: Outcome) -> bool:
    """Whether the outcome is not the film's fault."""
    if outcome.ending is Ending.LOST or outcome.code in _NOT_COUNTED:
        return True
    return outcome.ending is Ending.NOT_STARTED and outcome.code is None


def got_further(attempts: Iterable[Attempt], outcome: Outcome) -> bool:
    """Whether less of the films was left when the attempt ended than after any of those before it.

    By FURTHER_S at least: so it can happen only a limited number of times for each film.
    """
    before = [
        attempt.outcome.film_left_s
        for attempt in attempts
        if attempt.outcome is not None and attempt.outcome.film_left_s is not None
    ]
    return outcome.film_left_s is not None and bool(before) and outcome.film_left_s <= min(before) - FURTHER_S


def _not_counted_in_a_row(attempts: tuple[Attempt, ...]) -> int:
    count = 0
    for attempt in reversed(attempts):
        if attempt.outcome is None or not is_not_counted(attempt.outcome):
            break
        count += 1
    return count
