"""Why something is as it is, as data: what a job waits for, why it was suspended, what is wrong with a project.

Decisions return these types, and `reason_text` renders them. They are also sent: each is an object of the protocol
with a `code` whose meaning never changes. docs/protocol.md lists them all.

Times that pass are integers, as coarse as people are shown them: each change of a reason is sent to all subscribers.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from framed.model.job import Ending


def _code(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class _Coded(msgspec.Struct, frozen=True, kw_only=True, tag_field="code", tag=_code):
    """The code is the name of the class in lower case: `disk_low`."""


# ------------------------------------------------------------------------------------- what a job waits for


class Starting(_Coded, frozen=True, kw_only=True):
    """Its extractor is being started, or has not reported progress yet."""


class Draining(_Coded, frozen=True, kw_only=True):
    """Nothing is started until `undrain`."""


class OutsideHours(_Coded, frozen=True, kw_only=True):
    """It is outside `budget.run_between`."""

    opens_at: str
    """Local time of day, `22:00`."""
    opens_in_s: int
    """Rounded up to minutes."""


class DiskLow(_Coded, frozen=True, kw_only=True):
    """The disk of its images has too little room."""

    needed_bytes: int
    free_bytes: int
    measured_s_ago: int | None = None
    """None while the disk answers; else how old the figures are."""


class DiskPending(_Coded, frozen=True, kw_only=True):
    """The room on the disk of its images is not known yet."""


class AwaitingMemory(_Coded, frozen=True, kw_only=True):
    """Less memory is available than `budget.memory_floor_gb` wants before worker processes are started."""

    needed_bytes: int
    available_bytes: int


class AwaitingPlace(_Coded, frozen=True, kw_only=True):
    """`budget.max_active` projects are running."""

    running: int
    max_active: int


class AwaitingSlots(_Coded, frozen=True, kw_only=True):
    """Too few slots are free."""

    workers: int
    """The number of workers that it needs slots for."""
    used: int
    total: int


class AwaitingFolder(_Coded, frozen=True, kw_only=True):
    """Another project writes into the same output folder."""

    project: str


class AttemptEnded(_Coded, frozen=True, kw_only=True):
    """The last attempt of the job ended like this."""

    ending: Ending
    exit_code: int | None = None
    """128 + signal for one that was killed; None when nobody knows."""
    message: str | None = None
    """From the extractor, or from framed in its place."""


class Requeued(_Coded, frozen=True, kw_only=True):
    """It is back in the queue after an attempt that ended without results."""

    after: AttemptEnded


class Backoff(_Coded, frozen=True, kw_only=True):
    """It waits until its next attempt."""

    retry_in_s: int
    after: AttemptEnded | None
    """None when nothing is known of the last attempt."""


class PausePhase(enum.Enum):
    """How far a pause has come."""

    BEFORE_START = "before_start"
    """The job has had no attempt."""
    BETWEEN_ATTEMPTS = "between_attempts"
    WORKERS_STOPPING = "workers_stopping"
    """Workers finish their chunks first."""
    SLOTS_RELEASED = "slots_released"
    """No worker is left, and its slots are free for others."""


class Paused(_Coded, frozen=True, kw_only=True):
    """Its user has paused it."""

    phase: PausePhase
    workers: int = 0
    """Workers that have not stopped yet; 0 except in `workers_stopping`."""


class Stalled(_Coded, frozen=True, kw_only=True):
    """The attempt makes no progress."""

    still_s: int
    """How long; from one minute on, in whole minutes."""


class Cancelling(_Coded, frozen=True, kw_only=True):
    """The job is being cancelled."""


class Replacing(_Coded, frozen=True, kw_only=True):
    """The job is being cancelled, and begins again with other settings then."""


class JobCancelled(_Coded, frozen=True, kw_only=True):
    """The last job was cancelled, or its extractor was ended by hand."""

    on_request: bool
    """By `cancel`."""
    message: str | None = None
    """What is known of how the extractor ended, unless it was on request."""
    is_extracted: bool = False
    """Whether all films of the project are extracted nevertheless."""


# --------------------------------------------------------------------------------- what is wrong with its films


class ScanPending(_Coded, frozen=True, kw_only=True):
    """No scan has begun since the job was submitted."""


class RawVideosUnavailable(_Coded, frozen=True, kw_only=True):
    """raw_videos cannot be read, so that nothing is known about any film."""

    folder: str
    error: str | None
    """Of the system, when the folder cannot be read; None when it is empty although films were there before."""


class NoFilms(_Coded, frozen=True, kw_only=True):
    """The project's folder has no film."""


class Settling(_Coded, frozen=True, kw_only=True):
    """A film is still being written, or was a moment ago."""

    film: str
    unchanged_s: int


class ProbePending(_Coded, frozen=True, kw_only=True):
    """These films are about to be probed."""

    films: tuple[str, ...]


class Unreadable(_Coded, frozen=True, kw_only=True):
    """A film cannot be opened."""

    film: str
    error: str
    given_up_in_s: int | None
    """None when that time is over: then it is extracted nevertheless, and the extractor decides."""


class WordInName(_Coded, frozen=True, kw_only=True):
    """`watch.ignore` has this word, and so has the film's name."""

    word: str


class PatternOfName(_Coded, frozen=True, kw_only=True):
    """`watch.ignore` has this pattern, and the film's name matches it."""

    pattern: str


class TooShort(_Coded, frozen=True, kw_only=True):
    """The film is shorter than `watch.min_duration_s`."""

    duration_s: float
    min_duration_s: float


IgnoredBecause = WordInName | PatternOfName | TooShort


class FilmsIgnored(_Coded, frozen=True, kw_only=True):
    """The films of the project are extracted only when a user submits it."""

    film: str
    """The first of them,"""
    because: IgnoredBecause
    """and why it is ignored."""
    others: int
    """How many more there are."""


class FilmsFailed(_Coded, frozen=True, kw_only=True):
    """Extracting these films was given up."""

    films: tuple[str, ...]


class FilmTimeLost(_Coded, frozen=True, kw_only=True):
    """Part of the extracted films is damaged, or missing in their files."""

    lost_s: float


class ImagesMissing(_Coded, frozen=True, kw_only=True):
    """Images of these films, which were extracted, are gone."""

    films: tuple[str, ...]


class ResultsMissing(_Coded, frozen=True, kw_only=True):
    """The project was extracted, and its results are gone."""

    is_cleaned: bool
    """Whether `clean` deleted them."""


class FilmsReplaced(_Coded, frozen=True, kw_only=True):
    """There are images of films that were replaced by others of the same name."""

    films: tuple[str, ...]
    images: int


class BetterDefaults(_Coded, frozen=True, kw_only=True):
    """Images of the project were chosen with the defaults of an earlier version, and a submit would choose better."""


class FilesSkipped(_Coded, frozen=True, kw_only=True):
    """Files in the project's folder are skipped, although a user may expect them to be extracted."""

    in_subfolders: int = 0
    """Films in subfolders, which are not extracted."""
    other_videos: int = 0
    """Video files of formats that are not extracted;"""
    other_video: str | None = None
    """and the name of the first of them."""
    not_utf8: int = 0
    """Films and folders whose names are not UTF-8."""
    broken_links: int = 0
    """Names of films that are links to nothing."""
    unreadable_folders: int = 0
    too_deep_folders: int = 0
    is_cut_off: bool = False
    """There are more files or folders than are read."""


# ------------------------------------------------------------------------------ what is wrong with the project


class SettingsInvalid(_Coded, frozen=True, kw_only=True):
    """A settings file has an error, or projects would share an output folder."""

    file: str | None
    line: int | None
    key: str | None
    """Dotted; None when the whole file is meant."""
    message: str


class OutputUnavailable(_Coded, frozen=True, kw_only=True):
    """The folder for the project's images is on a disk that does not seem to be mounted."""

    folder: str
    message: str


class FolderUnreadable(_Coded, frozen=True, kw_only=True):
    """The project's folder cannot be read."""

    folder: str
    error: str


class DiskUnresponsive(_Coded, frozen=True, kw_only=True):
    """A disk of the project does not answer; everything else is as of its last answer."""

    path: str
    """The path accessed last."""


class SettingIneffective(_Coded, frozen=True, kw_only=True):
    """An entry of the project's settings has no effect, although a user may expect one."""

    message: str


class InternalFault(_Coded, frozen=True, kw_only=True):
    """framed itself failed; see framed.log."""

    task: str
    """The task that failed."""
    error: str
    """The type of the exception."""


ProjectProblem = SettingsInvalid | OutputUnavailable | FolderUnreadable | DiskUnresponsive | InternalFault
"""Why no film of a project is extracted automatically."""

RawVideosProblem = ScanPending | RawVideosUnavailable | InternalFault
"""Why nothing new is known of any project."""

Waiting = (
    Starting
    | Draining
    | OutsideHours
    | DiskLow
    | DiskPending
    | AwaitingMemory
    | AwaitingPlace
    | AwaitingSlots
    | AwaitingFolder
    | Backoff
    | Paused
    | RawVideosProblem
    | Settling
    | ProbePending
    | Unreadable
)
"""What a job can wait for, with or without an extractor."""

Suspension = OutsideHours | DiskLow
"""Why framed has suspended a job with an extractor."""

Reason = (
    Waiting
    | AttemptEnded
    | Requeued
    | Stalled
    | Cancelling
    | Replacing
    | JobCancelled
    | NoFilms
    | FilmsIgnored
    | FilmsFailed
    | FilmTimeLost
    | ImagesMissing
    | ResultsMissing
    | FilmsReplaced
    | BetterDefaults
    | FilesSkipped
    | ProjectProblem
    | SettingIneffective
)

NOTHING_SKIPPED: Final = FilesSkipped()
