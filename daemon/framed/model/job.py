"""Jobs, their states and attempts, as data. No behaviour except short texts for people; no input or output.

A job is one request to extract what is not yet extracted of a project; an attempt is one extractor process; an outcome
is how an attempt ended. The store keeps jobs as JSON of these types.
"""

from __future__ import annotations

import enum
import signal
from datetime import datetime
from typing import Literal

import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.settings import ExtractionSettings


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the clocks."""

    utc: datetime
    """Aware; for records and people. May jump."""
    monotonic_s: float
    """CLOCK_MONOTONIC: seconds of this boot; for durations."""
    boot_id: str


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A point in time that survives a restart of the daemon and a jump of the wall clock; past in any later boot."""

    boot_id: str
    monotonic_s: float

    def in_s(self, now: Moment) -> float:
        """Seconds from `now`; 0 when it is past."""
        return max(0.0, self.monotonic_s - now.monotonic_s) if self.boot_id == now.boot_id else 0.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: the settings as resolved when the job was submitted."""

    extraction: ExtractionSettings
    workers: int | Literal["auto"]
    retry: int
    """How often a failed attempt is tried again."""
    frames_dir: str


class JobFilm(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    fingerprint: str


class Ending(enum.Enum):
    """How an attempt ended, as far as framed knows."""

    EXITED = "exited"
    """It has written an exit record."""
    CRASHED = "crashed"
    """It ended without an exit record."""
    LOST = "lost"
    """Its tmux server ended, or the machine was restarted."""
    STOPPED = "stopped"
    """The user ended it, with Ctrl-C in its session or by closing the session."""
    NOT_STARTED = "not_started"
    """There was never a process."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    ending: Ending
    code: int | None = None
    """Exit code, 128 + signal for one that was killed; None when it is not known."""
    reason: str | None = None
    """One line for a person; None when there is no more to say than the exit code does."""
    images: int = 0
    """Images on disk of the attempt's films; of all films of the project when the job is complete."""
    wall_s: float = 0.0
    fraction: float = 0.0
    """How much of its films the attempt had done. What is not in the results may have to be done again."""
    film_left_s: float | None = None
    """Seconds of its films that the attempt had not done; None when it never reported how much there is."""
    last_lines: tuple[str, ...] = ()
    """The end of the job's log, unless the attempt succeeded. Kept only for the last attempt of a job."""
    ended_at: datetime

    @property
    def summary(self) -> str:
        """The outcome in a few words: `exit 137 (killed)`, `exit 65 (no video stream)`."""
        return ending_text(self.ending, self.code, self.reason)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One extractor process. Recorded before it is started."""

    number: int
    """In the output folder; only ever grows."""
    ordinal: int
    """The n of `attempt n/m`: 1 plus the number of counted failures before it."""
    workers: int
    session: str
    host: ProcessIdentity | None
    """The tmux server it runs under; None when an engine has no such thing."""
    boot_id: str
    started_at: datetime
    outcome: Outcome | None = None


class Queued(msgspec.Struct, frozen=True, kw_only=True, tag="queued"):
    """What it waits for is decided by `policy.schedule`."""

    since: datetime
    is_requeued: bool = False
    """Whether it is back in the queue after its last attempt; False for one that was submitted since."""


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """The job that takes the place of a running one as soon as that has ended."""

    id: str
    options: Options
    force: bool
    with_ignored: bool = False
    restore: bool = False


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """The user wants the running job to end."""


class ReplaceBy(msgspec.Struct, frozen=True, kw_only=True, tag="replace_by"):
    """The user wants the running job to end, and another to take its place."""

    successor: Successor


StopRequest = Cancel | ReplaceBy


class Running(msgspec.Struct, frozen=True, kw_only=True, tag="running"):
    since: datetime
    attempt: Attempt
    stop_request: StopRequest | None = None
    """The user's last request; while there is one, the extractor is being ended."""


class Retrying(msgspec.Struct, frozen=True, kw_only=True, tag="retrying"):
    """Waits out the backoff after its last attempt."""

    since: datetime
    due: Due


class Complete(msgspec.Struct, frozen=True, kw_only=True, tag="complete"):
    since: datetime
    outcome: Outcome


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    since: datetime
    outcome: Outcome


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, tag="cancelled"):
    since: datetime
    outcome: Outcome | None = None
    """Of the attempt that ran; None when none did."""
    asked: bool
    """By `cancel`; else the user ended the extractor itself."""


JobState = Queued | Running | Retrying | Complete | Failed | Cancelled


class Job(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project: str
    order: int
    """Place in the queue: lower is earlier, never reused."""
    by: Literal["user", "watch"]
    options: Options
    force: bool = False
    restore: bool = False
    """Whether images that the user has removed are made again."""
    with_ignored: bool = False
    """Whether ignored films are extracted too: the user has named the project."""
    submitted: Moment
    log_path: str
    state: JobState
    paused: bool = False
    """Paused by the user: its workers park, and while it waits it does not start."""
    films: tuple[JobFilm, ...] = ()
    """The films of the running or last attempt; empty before the first."""
    attempts: tuple[Attempt, ...] = ()
    """Attempts that have ended, the latest last. Of very many, the oldest are dropped."""
    failures: int = 0
    """Attempts that count against `options.retry`."""

    @property
    def is_over(self) -> bool:
        """Whether the job has ended for good."""
        return isinstance(self.state, Complete | Failed | Cancelled)

    @property
    def last_attempt(self) -> Attempt | None:
        """The running attempt, else the last one."""
        if isinstance(self.state, Running):
            return self.state.attempt
        return self.attempts[-1] if self.attempts else None


class Verdict(enum.Enum):
    """What became of one film in one project. A film with a verdict is not submitted again automatically."""

    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CLEANED = "cleaned"
    """It was extracted, and the user deleted the results with `clean`."""


class FilmVerdict(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    fingerprint: str
    verdict: Verdict
    job_id: str
    decided_at: datetime


def ending_text(ending: Ending, code: int | None, reason: str | None) -> str:
    """How an attempt ended, in a few words."""
    if code is None:
        return reason or ending.value.replace("_", " ")
    meaning = reason or exit_code_text(code)
    return f"exit {code} ({meaning})" if meaning else f"exit {code}"


def exit_code_text(code: int) -> str | None:
    """What an exit code means, in a word or two; None when it has no meaning."""
    if code > 128:
        try:
            number = signal.Signals(code - 128)
        except ValueError:
            return None
        return "killed" if number == signal.SIGKILL else number.name
    try:
        return ExitCode(code).name.lower().replace("_", " ")
    except ValueError:
        return None
