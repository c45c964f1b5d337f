"""The files of one attempt: its specification, `control.json`, `progress.json`, and its records."""

from __future__ import annotations

import enum
import os
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.versions import SCHEMA


class AttemptSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that one extractor process needs to know. `frame-extractor run SPEC.json` takes nothing else."""

    schema: Literal[1] = SCHEMA
    project: str
    job_id: str
    attempt: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Number of this attempt in this output folder; only ever grows."""
    films: tuple[str, ...]
    """Absolute paths, in the order in which they are extracted."""
    films_dir: str = ""
    """The project's folder: a film's name is its path below it. Empty, and for films elsewhere: its file name."""
    frames_dir: str
    settings: ExtractionSettings = ExtractionSettings()
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    force: bool = False
    """Extract again what is already extracted, replacing its images when the new ones are complete."""
    restore: bool = False
    """Make images again that their user has removed."""
    log_path: str | None = None
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)] = 0
    """How much its processes give way to others when there are too few cores for all: as `nice`."""
    io_class: Literal["idle", "best-effort"] = "best-effort"
    """idle: they use the disk only when no other process does."""

    @property
    def layout(self) -> OutputLayout:
        return OutputLayout(Path(self.frames_dir))

    def name_of(self, film: str | os.PathLike[str]) -> str:
        """What results and messages call one of the films: `film.mkv`, `season 1/ep01.mkv`."""
        path = PurePosixPath(film)
        is_below = bool(self.films_dir) and path.is_relative_to(self.films_dir)
        return path.relative_to(self.films_dir).as_posix() if is_below else path.name


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """`control.json`: how much a running attempt may use from now on. Written by framed, read at every chunk.

    One that is missing, damaged or for another attempt says nothing: then `AttemptSpec.workers` holds.
    """

    schema: Literal[1] = SCHEMA
    attempt: int
    """The one it is meant for."""
    serial: Annotated[int, msgspec.Meta(ge=1)]
    """Grows with each one written for the attempt; `Progress.control_serial_seen` says which has been read."""
    workers: Annotated[int, msgspec.Meta(ge=0, le=1024)]
    """Worker processes; 0 is as good as paused."""
    paused: bool = False
    """None of them may work; `workers` may again when this is taken back."""


class Stage(enum.Enum):
    """What an attempt is busy with."""

    OPENING = "opening"
    SCANNING = "scanning"
    WRITING = "writing"
    DONE = "done"


class ShotStart(msgspec.Struct, frozen=True, kw_only=True):
    """One shot of a film in work that has been found to its end."""

    scene: int
    """0-based, as in the names of its images."""
    start_s: float
    """Film time of its first sampled frame."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`progress.json`: replaced atomically, at least every two seconds while the attempt lives."""

    schema: int = SCHEMA
    attempt: int
    stage: Stage
    film: str
    """Name of the film in work, as in the results."""
    film_number: int
    """1-based."""
    n_films: int
    fraction: float
    """Of the whole attempt, 0 to 1; never decreases; 1 only when the results are on the disk."""
    film_seconds_done: float
    film_seconds_total: float
    images: int
    """Images on disk, of all films of this attempt."""
    image_bytes: int = 0
    """Their size."""
    shots: int = 0
    """Of the film in work, found so far to their ends; none of a film that is read whole, until it has been read."""
    last_shots: tuple[ShotStart, ...] = ()
    """The last few of them, in order."""
    workers: int
    """Cores in use: worker processes at work, and decoder threads of a film that is read whole. Parked ones are not."""
    control_serial_seen: int = msgspec.field(default=0, name="heeds")
    """`Control.serial` of what holds; 0 while that is the specification. No worker is begun beyond it."""
    paused: bool = False
    """Whether it says to pause. All have parked when `workers` is 0 as well."""
    elastic: bool = True
    """False while a film is read whole: a smaller grant shrinks nothing before that film's end, only a pause does."""
    elapsed_s: float
    eta_s: float | None
    realtime_factor: float | None
    """Seconds of film done for each second of wall time."""
    images_per_s: float | None
    steps: int = 0
    """Grows with everything that is done: a chunk, an image, a file moved; also while what was done is done again."""
    updated_at: str
    """ISO 8601, UTC."""


class StartedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`attempt-N.started.json`: written before anything else is done."""

    schema: int = SCHEMA
    job_id: str
    attempt: int
    process: ProcessIdentity
    started_at: str


class ExitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`attempt-N.exit.json`: the last thing an attempt writes. Missing when it was killed."""

    schema: int = SCHEMA
    job_id: str
    attempt: int
    code: int
    reason: str
    """One line for a person; empty when all went well."""
    images: int
    wall_s: float
    ended_at: str
