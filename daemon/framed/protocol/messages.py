"""Messages of the control protocol, as types: what changes something, and status. No behaviour, no input or output.

A request's `method` is the verb; its `params` is the struct named for it; its `result` the struct named `...Reply`.
What only asks about a project is in `queries`, events are in `subscription`, all verbs in `verbs`. For people:
`docs/protocol.md`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Final

import msgspec

from framed.model.project import Overrides
from framed.model.reasons import Reason

PROTOCOL: Final = "1.2"
"""major.minor; another major is refused, another minor is not."""

STATUS_SCHEMA: Final = 1
REPLY_SCHEMA: Final = 1
"""Of every other result that `framectl --json` prints."""


class ErrorCode(enum.IntEnum):
    """JSON-RPC error codes: the standard's own, then framed's."""

    PARSE = -32700
    INVALID_REQUEST = -32600
    UNKNOWN_METHOD = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    NO_SUCH_PROJECT = -32001
    """No folder of that name in raw_videos."""
    NO_FILM = -32002
    """The folder holds no film."""
    REFUSED = -32003
    """Understood, but refused in the present state; the message says why."""
    BAD_SETTINGS = -32004
    """A settings file or an option value is wrong."""
    PROTOCOL_MISMATCH = -32005
    STATE_UNAVAILABLE = -32006
    """The daemon cannot make the change durable (disk full, damaged store)."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """First message on every connection."""

    protocol: str = PROTOCOL
    client: str = ""


class HelloReply(msgspec.Struct, frozen=True, kw_only=True):
    protocol: str
    server: str
    pid: int
    root: str


LONGEST_KEY: Final = 128
"""Characters of an idempotency key."""


class Keyed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of every request that changes something."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KEY)]
    """Idempotency key: the same key again gives the same answer, and nothing happens a second time."""


class Submit(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    projects: tuple[str, ...] = ()
    every: bool = msgspec.field(name="all", default=False)
    """Instead of `projects`: every one with a film that is not extracted. Those that are refused are outcomes."""
    overrides: Overrides = Overrides()
    force: bool = False
    restore: bool = False
    """Make images again that their user has removed."""
    replace: bool = False
    """Cancel a job that runs with other settings, and start one with these."""

    @property
    def names_projects(self) -> bool:
        """Whether projects are named: then ignored films are extracted too."""
        return not self.every


class Submitted(enum.Enum):
    """What became of one submitted project."""

    QUEUED = "queued"
    ALREADY_RUNNING = "already_running"
    """A job with the same settings is queued or running; a job in backoff starts its next attempt now."""
    ALREADY_COMPLETE = "already_complete"
    """Results with the same settings exist; `force` extracts again."""
    REFUSED = "refused"
    """Only with `all`: this one cannot be submitted; the others were."""


class SubmitOutcome(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    outcome: Submitted
    job_id: str | None = None
    message: str
    """One line for a person."""


class SubmitReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    outcomes: tuple[SubmitOutcome, ...]


class Retry(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Extracts again what failed or was cancelled, with the settings it was submitted with."""

    projects: tuple[str, ...] = ()
    every: bool = msgspec.field(name="all", default=False)
    """Instead of `projects`: every one whose last job failed, or waits for its next attempt."""


class RetryReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    outcomes: tuple[SubmitOutcome, ...]


class Cancel(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    projects: tuple[str, ...] = ()
    every: bool = msgspec.field(name="all", default=False)
    """Instead of `projects`: every one that is queued or running."""


class CancelOutcome(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    cancelled: bool
    """False when nothing of the project was queued or running."""
    message: str


class CancelReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    outcomes: tuple[CancelOutcome, ...]


class Clean(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deletes what framed made of one project. Its films, its logs and files of others are kept."""

    project: str
    replaced: bool = False
    """Only images of films that were replaced by others of the same name."""
    dry_run: bool = False
    """Only say what would be deleted."""


class CleanReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    project: str
    folder: str
    """The folder of `frames/`, the results and the records."""
    dry_run: bool
    images: int
    """Deleted, or to be."""
    size_bytes: int
    """Of them, and of everything else that is deleted."""
    kept: int
    """Files in the folder that are not framed's, and are kept."""
    not_now: str = ""
    """Of a dry run: why it would be refused just now; empty when it would not."""


class Pause(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Workers park after their chunks, their slots go to other projects, and what is queued does not start."""

    projects: tuple[str, ...] = ()
    every: bool = msgspec.field(name="all", default=False)
    """Instead of `projects`: every one that is queued or running."""


class Resume(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resumes paused projects, as soon as there is a place for them."""

    projects: tuple[str, ...] = ()
    every: bool = msgspec.field(name="all", default=False)
    """Instead of `projects`: every one that is paused."""


class PauseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    paused: bool
    """Whether it is paused now."""
    message: str


class PauseReply(msgspec.Struct, frozen=True, kw_only=True):
    """Holds also after a restart of the daemon. Workers may take a moment to park: `status` says when they have."""

    schema: int = REPLY_SCHEMA
    outcomes: tuple[PauseOutcome, ...]


class ResumeReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    outcomes: tuple[PauseOutcome, ...]


class Drain(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Finishes running jobs and starts no others, also after a restart of the daemon, until `undrain`."""


class Undrain(Keyed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends what `drain` began."""


class DrainReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    draining: bool
    running: tuple[str, ...]
    """Projects with an extractor, paused ones too."""
    waiting: tuple[str, ...]
    """Projects that are queued."""
    message: str


class Reload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reads framed.yaml again. An error in the file is the reply, and nothing changes."""


class ReloadReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    changed: tuple[str, ...]
    """Keys whose values have changed, as `budget.slots`."""
    need_restart: tuple[str, ...]
    """Keys that have changed in the file, and take effect only after a restart of the daemon."""


class Status(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    projects: tuple[str, ...] = ()
    """Empty for all."""
    look: bool = False
    """Scan raw_videos first: the reply knows of every film that was there when the request was sent."""


class ProjectState(enum.Enum):
    """The state that people see. QUEUED to CANCELLED are states of the latest job; the others are of the project."""

    NEW = "NEW"
    """Films that have not been submitted."""
    SETTLING = "SETTLING"
    """A film is still being written, or cannot be opened yet."""
    IGNORED = "IGNORED"
    """Its films are extracted only when a user submits it."""
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    """Waiting out the backoff after a failed attempt."""
    PAUSED = "PAUSED"
    """By its user, while it was running or waiting; or suspended by framed, outside its hours or when a disk is low."""
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether a job in this state is over."""
        return self in (ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED)


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    cpu_percent: float
    cores_percent: tuple[float, ...] = ()
    """Of each core."""
    cores: int
    memory_used_bytes: int
    memory_total_bytes: int
    output_free_bytes: int | None


class SlotsStatus(msgspec.Struct, frozen=True, kw_only=True):
    used: int
    total: int
    running_projects: int
    max_active: int


class ProjectStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: ProjectState
    paused: bool = False
    """Whether its user has paused it, so that `resume` has an effect; PAUSED without it is suspended by framed."""
    job_id: str | None = None
    job_state: ProjectState | None = None
    """Of that job; null without one. CANCELLED beside COMPLETE: its films had been extracted before."""
    attempt: int = 0
    """Of the running or last attempt of the job; 0 before the first."""
    max_attempts: int = 0
    progress: float = 0.0
    """0 to 1."""
    frames: int = 0
    """Images on disk so far."""
    removed: int = 0
    """Images of the project that its user has removed; not among `frames`."""
    films: int = 0
    workers: int = 0
    stage: str = ""
    elapsed_s: float | None = None
    eta_s: float | None = None
    realtime_factor: float | None = None
    reason: str = ""
    """Why it waits, why it failed, or what else to know: one line for a person."""
    reasons: tuple[Reason, ...] = ()
    """The same for programs; each has its `code`. Empty from a daemon of protocol 1.1."""
    session: str | None = None
    """tmux session name, while there is one."""
    log: str | None = None
    last_lines: tuple[str, ...] = ()
    """The end of that log, as it was when the last attempt failed; of RETRYING and FAILED."""
    output_dir: str | None = None


class StatusReply(msgspec.Struct, frozen=True, kw_only=True):
    """Also the document that `framectl status --json` prints."""

    schema: int = STATUS_SCHEMA
    machine: MachineStatus
    slots: SlotsStatus
    draining: bool = False
    """Whether nothing is started until `undrain`."""
    notices: tuple[str, ...] = ()
    """What is wrong with more than one project, one line for a person each; empty when all is well."""
    projects: tuple[ProjectStatus, ...]


class Shutdown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends the daemon; its extractors continue."""


class ShutdownReply(msgspec.Struct, frozen=True, kw_only=True):
    running: tuple[str, ...]
    """Projects whose extractors continue without the daemon."""
