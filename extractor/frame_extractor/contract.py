"""What the extractor and whoever starts it say to each other.

The one module both sides import: settings and their defaults, the attempt's specification, the files an attempt
leaves behind, and the exit codes. Imports nothing heavier than msgspec; decodes nothing, writes nothing.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

import msgspec

from frame_extractor.regular import reading

SCHEMA: Final = 1
"""Version of every file described here; written as `schema` in each."""

MOST_RESULTS_BYTES: Final = 1 << 30
"""Of an `extraction_results.json`; some 10,000 long films have a quarter of it."""

SCORE_VERSION: Final = 1
"""Grows whenever the same film would get other scores, or be cut into other spans; kept ones are then made again."""
IMAGE_VERSION: Final = 1
"""Grows whenever the same frame with the same settings would become another JPEG; images of another are made again."""

WORK_MARKER: Final = ".framed-work"
"""File in each work folder of an attempt: only folders that hold it are ever cleared away."""
_WORK_FOLDER: Final = re.compile(r"framed-(\d{4,})")


class ExitCode(enum.IntEnum):
    """How an extractor ended. From sysexits.h where it has a word for it."""

    DONE = 0
    """Every film is extracted, or was already."""
    USAGE = 64
    """The command line makes no sense. Not retried."""
    NOT_A_FILM = 65
    """At least one film cannot be decoded, and the others are done. Not retried."""
    TOO_MUCH_FAILED = 66
    """More of a film than `max_failed_fraction` could not be decoded. Not retried."""
    INTERNAL = 70
    """A fault in the extractor itself. Retried."""
    OUTPUT_NOT_MADE = 73
    """The output folder cannot be made. Retried."""
    OUTPUT_NOT_WRITTEN = 74
    """Writing or reading failed on its way to the disk. Retried."""
    DISK_FULL = 75
    """No room. Waits for room; no attempt is charged."""
    SUPERSEDED = 76
    """A newer attempt works in the same folder; this one changed nothing. Nothing to do."""
    NOT_PERMITTED = 77
    """The output may not be written by this user. Retried."""
    BAD_SETTINGS = 78
    """The specification or a settings file is wrong. Not retried."""
    FILM_CHANGED = 79
    """A film was written to, replaced or taken away while it was read. Retried; no attempt is charged."""
    INTERRUPTED = 130
    """Ctrl-C, or SIGINT from outside. Whoever pressed it knows; not retried."""
    TERMINATED = 143
    """SIGTERM or SIGHUP; the attempt ended in order."""


class Mode(enum.Enum):
    """Which frames of a film are wanted."""

    SCENE = "scene"
    """`frames_per_scene` frames of every shot."""
    INTERVAL = "interval"
    """One frame every `interval_seconds`."""
    HYBRID = "hybrid"
    """Both; a frame that both want is written once."""


class Sampling(enum.Enum):
    """Which pictures of the stream are decoded."""

    REFERENCE = "reference"
    """Only those that other pictures refer to: about half, and the better half."""
    EXACT = "exact"
    """Every picture."""


class Quality(enum.Enum):
    """JPEG quality, by name."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def jpeg_quality(self) -> int:
        """The number given to the JPEG encoder, 0-100."""
        return {Quality.LOW: 85, Quality.MEDIUM: 90, Quality.HIGH: 95}[self]


class ExtractionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a film's frames depend on. Two runs with equal settings give equal bytes.

    The bounds are those of values in files that are there already, which must stay readable; what may be asked for now
    is `RequestedSettings`.
    """

    mode: Mode = Mode.HYBRID
    scene_threshold: Annotated[float, msgspec.Meta(gt=0, le=255)] = 30.0
    """Content score (0-255) from which a frame begins a new shot; lower finds more cuts."""
    frames_per_scene: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    min_scene_length: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 15
    """Frames of the film; cuts closer than this are merged."""
    interval_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 2.0
    sampling: Sampling = Sampling.REFERENCE
    quality: Quality = Quality.HIGH
    blur_threshold: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Frames whose variance of the Laplacian is below this are not written; 0 keeps all."""
    max_failed_fraction: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.02
    """Share of a film's time that may be undecodable before the film counts as failed."""

    @property
    def image_key(self) -> str:
        """What the JPEG of a given frame depends on; also whether there is one."""
        return f"{self.quality.value}-blur{self.blur_threshold:g}-v{IMAGE_VERSION}"


class RequestedSettings(ExtractionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with the bounds of values that may be asked for: every number has a least and a greatest one."""

    scene_threshold: Annotated[float, msgspec.Meta(ge=0.01, le=255)] = 30.0
    interval_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=86_400)] = 2.0
    blur_threshold: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0


@dataclass(frozen=True)
class OutputLayout:
    """Where one project's output lies: `frames_dir`, and everything else beside it."""

    frames_dir: Path

    @property
    def folder(self) -> Path:
        return self.frames_dir.parent

    @property
    def results(self) -> Path:
        """The summary of the whole project; written last."""
        return self.folder / "extraction_results.json"

    @property
    def manifest(self) -> Path:
        """One line for each image in `frames_dir`."""
        return self.folder / "frames.jsonl"

    @property
    def temp(self) -> Path:
        """Work in progress; gone when nothing runs. On the file system of `frames_dir`, so that renames are atomic."""
        return self.folder / "temp"

    def work_folder(self, attempt: int) -> Path:
        """In `temp`, of this attempt alone."""
        return self.temp / f"framed-{attempt:04d}"

    def work_folders(self) -> list[Path]:
        """Those in `temp` that attempts have made, by name; never a folder of somebody else's with such a name."""
        try:
            return [path for path in sorted(self.temp.iterdir()) if self._is_work_folder(path)]
        except OSError:
            return []

    def _is_work_folder(self, path: Path) -> bool:
        found = _WORK_FOLDER.fullmatch(path.name)
        if found is None or path.is_symlink() or not path.is_dir():
            return False
        # An attempt that was killed at once has left its folder without marker, and empty.
        return (path / WORK_MARKER).is_file() or (self.started(int(found[1])).exists() and not any(path.iterdir()))

    @property
    def control(self) -> Path:
        """Attempt records, progress, locks, kept scores."""
        return self.folder / ".framed"

    @property
    def scores(self) -> Path:
        """What is known of films from decoding them, by fingerprint."""
        return self.control / "scores"

    def journal(self, fingerprint: str) -> Path:
        """Of a film whose images are being put into `frames/`, or replaced there; gone when its results are saved."""
        return self.control / "publishing" / f"{fingerprint}.jsonl"

    @property
    def progress(self) -> Path:
        return self.control / "progress.json"

    @property
    def control_file(self) -> Path:
        """How much the running attempt may use; see `Control`."""
        return self.control / "control.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the living extractor of this folder."""
        return self.control / "lock"

    def spec(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.spec.json"

    def started(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.started.json"

    def exit(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.exit.json"


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
    """How far its processes stand back from others when there are too few cores for all."""
    io_class: Literal["idle", "best-effort"] = "best-effort"
    """idle: they get at the disk when nobody else wants to."""

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
    """Of the whole attempt, 0 to 1; never goes back; 1 only when the results are on the disk."""
    film_seconds_done: float
    film_seconds_total: float
    frames_done: int = 0
    """Frames of the films, sampled or not, in the part that is done; reckoned from `fraction`."""
    frames_total: int = 0
    """Frames of the films, as their containers say or their durations promise."""
    images: int
    """Images on disk, of all films of this attempt."""
    image_bytes: int = 0
    """Their size."""
    shots: int = 0
    """Of the film in work, found so far to their ends; none of a film that is read whole before all of it is."""
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


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One process of one boot. A pid alone is recycled; these three together are not."""

    pid: int
    started_at_ticks: int
    """Start time in clock ticks since boot: field 22 of /proc/PID/stat."""
    boot_id: str
    """/proc/sys/kernel/random/boot_id"""


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


class FailedRange(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of film that no reader could decode; half open, seconds since the film's first frame."""

    start_s: float
    end_s: float
    reason: str


class FilmResult(msgspec.Struct, frozen=True, kw_only=True):
    """One film's entry in `extraction_results.json`."""

    name: str
    """Of its file, relative to the project's folder in `raw_videos`, with forward slashes."""
    path: str
    fingerprint: str
    status: Literal["complete", "failed"]
    error: str | None = None
    folder: str = ""
    """Where its images lie below `frames/`; empty for the first film of a project."""
    images: int = 0
    removed: int = 0
    """Frames that are picked, and whose images a user has removed; not among `images`."""
    shots: int = 0
    cuts: tuple[int, ...] = ()
    """0-based source index of the first frame of every shot but the first."""
    duration_s: float = 0.0
    source_frames: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    container: str = ""
    rejected_blurry: int = 0
    failed_ranges: tuple[FailedRange, ...] = ()
    decoded_frames: int = 0
    """Pictures decoded by the attempt that completed the film, over all passes."""
    kept_frames: int = 0
    """Pictures that it did not decode because earlier attempts had, and their scores were kept."""
    repaired_frames: int = 0
    """Of those decoded, the ones decoded for images that no scan had foreseen."""
    chunks_read_by: dict[str, int] = {}
    """Reader name -> number of chunks."""
    settings: ExtractionSettings = ExtractionSettings()
    image_key: str = ""
    """`ExtractionSettings.image_key` of its images."""
    job_id: str = ""
    """Of the job that extracted it: a job with `force` does not extract again what it has extracted itself."""
    wall_s: float = 0.0
    stages_s: dict[str, float] = {}
    """Stage name -> seconds, summed over workers."""
    extracted_at: str = ""


class ResultsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The `config` block of the results, as the guide's readers know it, and the settings it did not have."""

    mode: Mode
    scene_threshold: float
    frames_per_scene: int
    interval_seconds: float
    quality: Quality
    workers: int
    min_scene_length: int
    sampling: Sampling
    blur_threshold: float
    max_failed_fraction: float


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """`extraction_results.json`. Its presence with `total_frames` above 0 means: already extracted."""

    schema: int = SCHEMA
    total_episodes: int
    """Films of the project seen so far."""
    successful_episodes: int
    total_frames: int
    """Images listed in `frames.jsonl`, without removed ones."""
    output_dir: str
    config: ResultsConfig
    timestamp: str
    """ISO 8601, UTC."""
    films: tuple[FilmResult, ...]


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `frames.jsonl`: one image."""

    file: str
    """Relative to `frames/`, with forward slashes."""
    film: str
    fingerprint: str
    frame_index: int
    """0-based, in presentation order of the source film."""
    time_s: float
    """Since the film's first frame."""
    scene: int | None = None
    position: int | None = None
    interval: int | None = None
    size_bytes: int
    width: int
    height: int
    removed: bool = False
    """Its user has removed the image: the frame is picked, and there is no file."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What `frame-extractor probe FILM --json` prints of a film that can be decoded."""

    schema: int = SCHEMA
    path: str
    fingerprint: str
    container: str
    codec: str
    width: int
    height: int
    fps: float
    duration_s: float
    source_frames: int
    """An estimate unless the container says."""


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """What `frame-extractor clean FRAMES_DIR --json` prints: what was deleted, or with --dry-run would be."""

    schema: int = SCHEMA
    images: int
    size_bytes: int
    """Of the images, and of all else that goes."""
    kept: int
    """Files of others in the output folder, which stay."""


class FilmEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What extracting one film will probably give and cost."""

    film: str
    images: int
    size_bytes: int
    wall_s: float
    error: str | None = None


def film_fingerprint(path: str | os.PathLike[str]) -> str:
    """The film's identity, the same under any name: its size and a hash of its head, middle and tail.

    Reads at most 768 KiB. Raises OSError when the file cannot be read.
    """
    block = 256 * 1024
    with reading(path) as film:
        size = os.fstat(film.fileno()).st_size
        digest = hashlib.blake2b(str(size).encode(), digest_size=16)
        for offset in sorted({0, max(0, size // 2 - block // 2), max(0, size - block)}):
            film.seek(offset)
            digest.update(film.read(block))
    return f"{size:x}-{digest.hexdigest()}"
