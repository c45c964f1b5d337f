"""How an attempt ended, from the evidence. Pure.

The extractor's own exit record takes precedence. What the engine shows decides only what the record cannot contain:
whether a signal came from the user, from the loss of the engine's host, or from somewhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from frame_extractor.contract.attempt import ExitRecord, Progress, Stage
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.process import ProcessIdentity
from framed.model.job import Attempt, Ending, Moment, Outcome


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """What the engine shows of one session at one moment."""

    host: ProcessIdentity | None
    """What hosts the sessions, for tmux its server; None when there is none."""
    exists: bool
    attempt: int | None = None
    """The number of the attempt whose extractor was started in it last."""
    pid: int | None = None
    """Of that extractor, while it lives."""
    code: int | None = None
    """Of that extractor, once it is dead: its exit code, or 128 + signal. None until that is known."""

    def runs(self, number: int) -> bool:
        """Whether the session is this attempt's, and not still that of the one before it."""
        return self.exists and self.attempt == number


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is left of an attempt whose process is gone."""

    was_started: bool
    """It wrote its started record."""
    record: ExitRecord | None
    view: SessionView | None
    """None when the engine did not answer."""
    progress: Progress | None = None
    """The last that it reported."""


def conclude(attempt: Attempt, evidence: Evidence, now: Moment) -> Outcome:
    """How the attempt ended, and how much of the films was left then."""
    ended, progress = _ending(attempt, evidence, now), evidence.progress
    if progress is None:
        return ended
    return msgspec.structs.replace(
        ended,
        fraction=progress.fraction,
        film_left_s=_film_left_s(progress),
        images=ended.images if evidence.record is not None else progress.images,
    )


def _film_left_s(progress: Progress) -> float | None:
    if not progress.film_seconds_total and progress.stage is not Stage.DONE:
        return None
    return max(0.0, progress.film_seconds_total - progress.film_seconds_done)


def _ending(attempt: Attempt, evidence: Evidence, now: Moment) -> Outcome:
    if evidence.record is not None:
        return _from_record(attempt, evidence.record, evidence.view, now)
    view = evidence.view
    if attempt.boot_id != now.boot_id:
        return _outcome(Ending.LOST, "the machine was restarted", now)
    if view is None:
        return _outcome(Ending.LOST, "it has ended, and tmux does not answer", now)
    if view.runs(attempt.number):
        # It may have ended in order and only its record could not be written.
        ending = Ending.EXITED if view.code is not None and view.code < 128 else Ending.CRASHED
        reason = None if view.code is not None else "it disappeared"
        if not evidence.was_started:
            reason = "it ended before its first record; its session shows why"
        return _outcome(ending, reason, now, code=view.code)
    if view.host is None or view.host != attempt.host:
        return _outcome(Ending.LOST, "its tmux server is gone", now)
    if not evidence.was_started or view.exists:
        return _outcome(Ending.LOST, "its session was never created", now)
    return _outcome(Ending.STOPPED, "its tmux session was closed", now)


def _from_record(attempt: Attempt, record: ExitRecord, view: SessionView | None, now: Moment) -> Outcome:
    ending, reason = Ending.EXITED, record.reason or None
    if record.code == ExitCode.INTERRUPTED:
        ending, reason = Ending.STOPPED, reason or "interrupted in its session"
    elif record.code == ExitCode.TERMINATED:
        # tmux sends SIGHUP when a session is closed and when its server ends; both leave the same record.
        if attempt.boot_id != now.boot_id:
            ending, reason = Ending.LOST, "the machine was restarted"
        elif view is None or view.host is None or view.host != attempt.host:
            ending, reason = Ending.LOST, "its tmux server is gone"
        elif not view.exists:
            ending, reason = Ending.STOPPED, "its tmux session was closed"
    return Outcome(
        ending=ending,
        code=record.code,
        reason=reason,
        images=record.images,
        wall_s=record.wall_s,
        ended_at=now.utc,
    )


def _outcome(ending: Ending, reason: str | None, now: Moment, code: int | None = None) -> Outcome:
    return Outcome(ending=ending, code=code, reason=reason, ended_at=now.utc)
