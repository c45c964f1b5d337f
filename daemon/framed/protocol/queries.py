"""Messages of the control protocol that only ask, about all projects or one of them, as types. No behaviour."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Final

import msgspec

from frame_extractor.contract.attempt import ShotStart
from framed.model.job import Ending
from framed.protocol.messages import REPLY_SCHEMA, ProjectState, ProjectStatus

MOST_LOG_BYTES: Final = 1 << 18
"""Of a log, in one answer."""
MOST_LOG_OFFSET: Final = 1 << 53
"""Larger than any log, and exact in every JSON library."""


class Projects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lists what is in raw_videos, and which of it is extracted."""


class FilmState(enum.Enum):
    """What is known of one film."""

    SETTLING = "settling"
    """It is still being written, or cannot be opened yet."""
    IGNORED = "ignored"
    """It is extracted only when a user submits its project."""
    NEW = "new"
    """It is not extracted yet."""
    EXTRACTED = "extracted"
    GONE = "gone"
    """It was extracted, and all of its images are missing."""
    CLEANED = "cleaned"
    """It was extracted, and the results have been deleted with `clean`."""
    FAILED = "failed"
    CANCELLED = "cancelled"


class FilmFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One film in the project's folder."""

    name: str
    path: str
    state: FilmState
    size_bytes: int
    fingerprint: str | None = None
    """Its identity, which does not depend on its name; null while it is being written."""
    reason: str = ""
    """Why it is ignored, or what is wrong with a film that is settling or new: one line for a person."""
    removed: int = 0
    """Images of it that its user has removed, and that are made again only with `restore` or `force`."""


class ProjectFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: ProjectState
    films: tuple[FilmFacts, ...]
    frames: int
    """Images of it on disk."""
    output_dir: str | None
    notes: tuple[str, ...] = ()
    """Files in its folder that are skipped, and entries of its settings without effect: a line each."""


class ProjectsReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    raw_videos: str
    notices: tuple[str, ...] = ()
    projects: tuple[ProjectFacts, ...]


class AskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which settings hold for framed itself. Those of a project: see `show`."""


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One key of framed.yaml."""

    name: str
    """As in `budget.slots`."""
    value: str | int | float | bool | tuple[str, ...]
    origin: str
    """The file that says so, or `default`."""


class SettingsReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    file: str
    """Where framed.yaml is, or would be."""
    settings: tuple[KeyFacts, ...]
    """The settings in use; not those of the file while it has an error."""
    error: str
    """What is wrong with the file; empty when nothing is."""
    need_restart: tuple[str, ...]
    """Keys that have changed in the file, and wait for a restart."""


class Show(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about one project."""

    project: str


class SettingFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str | int | float | bool
    """What a submit would take now."""
    origin: str
    """The file that says so, or `default`."""
    job_value: str | int | float | bool | None = None
    """What the latest job was submitted with; null when there is none."""


class AttemptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One extractor process of the latest job."""

    number: int
    """In the output folder; only ever grows."""
    ordinal: int
    """The n of `attempt n of m`."""
    workers: int
    started_at: datetime
    ended_at: datetime | None = None
    ending: Ending | None = None
    code: int | None = None
    """Exit code, 128 + signal for one that was killed; null when nobody knows, or while it runs."""
    reason: str = ""
    images: int = 0
    wall_s: float | None = None


class JobFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The project's latest job."""

    id: str
    by: str
    """`user`, or `watch` for a film that was found."""
    force: bool
    restore: bool = False
    submitted_at: datetime
    failures: int
    """Attempts that count."""
    attempts: tuple[AttemptFacts, ...]


class FilmInWork(msgspec.Struct, frozen=True, kw_only=True):
    """What the running extractor reports about its current film."""

    name: str
    number: int
    """1-based, of the `n_films` of this attempt."""
    n_films: int
    shots: int
    """Found completely so far."""
    last_shots: tuple[ShotStart, ...]
    """The last of them, in order: a dozen at most."""


class FilmResultFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One film in `extraction_results.json`, in brief."""

    name: str
    fingerprint: str
    status: str
    """`complete` or `failed`."""
    error: str | None = None
    folder: str = ""
    """The folder of its images below `output_dir`."""
    images: int = 0
    removed: int = 0
    """Images of it that its user has removed, as recorded by the extractor; not among `images`."""
    shots: int = 0
    wanted: int | None = None
    """Images wanted of all shots, those of intervals aside; null where an earlier version has not counted them."""
    given: int | None = None
    rejected: dict[str, int] = {}
    """Reason -> number of frames that were wanted and are left out."""
    duration_s: float = 0.0
    wall_s: float = 0.0
    extracted_at: str = ""


class ResultsFacts(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    manifest: str
    total_frames: int
    timestamp: str
    films: tuple[FilmResultFacts, ...]


class ShowReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    status: ProjectStatus
    settings: tuple[SettingFacts, ...]
    """Empty when the settings file is wrong; then `settings_error` says how."""
    settings_error: str = ""
    notes: tuple[str, ...] = ()
    """As of `projects`."""
    films: tuple[FilmFacts, ...]
    job: JobFacts | None = None
    in_work: FilmInWork | None = None
    """Null while no extractor runs."""
    results: ResultsFacts | None = None
    """The content of the results file; null when there is none that can be read."""


class Logs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log of the project's latest job: its last lines, or what follows `offset`."""

    project: str
    lines: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 100
    """Ignored with `offset`."""
    offset: Annotated[int, msgspec.Meta(ge=0, le=MOST_LOG_OFFSET)] | None = None
    """Where to read on: `next_offset` of the answer before, for the same `job_id`."""


class LogsReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    project: str
    job_id: str
    path: str
    state: ProjectState
    is_over: bool
    """The job has ended: nothing more will be written."""
    offset: int
    """Of the first byte of `content` in the file."""
    next_offset: int
    size_bytes: int
    """Of the file when it was read; above `next_offset` there is more."""
    content: bytes
    """As it is on the disk: in any encoding, control characters included."""


class Attach(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to see the terminal in which the project's extractor runs."""

    project: str
    write: bool = False
    """Let keys through: Ctrl-C then ends the film."""


class AttachReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    project: str
    session: str
    argv: tuple[str, ...]
    """For earlier clients, which run it in a terminal. framectl makes its own command, and executes nothing that it is
    sent.
    """
