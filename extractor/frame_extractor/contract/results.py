"""The results of a project: `extraction_results.json` and `frames.jsonl`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from frame_extractor.contract.declaration import declared
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.versions import SCHEMA

MOST_RESULTS_BYTES: Final = 1 << 30
"""Of an `extraction_results.json`; some 10,000 long films have a quarter of it."""


class RejectReason(enum.Enum):
    """Why a frame that was wanted is left out."""

    BLACK = "black"
    UNIFORM = "uniform"
    TRANSITION = "transition"
    """It shows two shots, or half of one: a fade or a dissolve."""
    NEAR_DUPLICATE = "near_duplicate"
    """Of an image of its shot."""
    NEAR_REMOVED = "near_removed"
    """A near-duplicate of a frame that a user has removed."""
    BLURRED = "blurred"
    """Below `blur_threshold`."""


class FailedRange(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of film that no reader could decode; half open, seconds since the film's first frame."""

    start_s: float
    end_s: float
    reason: str


class FilmTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A fade, dissolve or iris inside a shot, from which no frame is chosen."""

    kind: str
    """`fade_in`, `fade_out` or `dissolve`."""
    first_frame: int
    last_frame: int
    """0-based source indices of its first and last sampled frame."""
    start_s: float
    end_s: float


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
    wanted: int | None = None
    """Images wanted of all shots, those of intervals aside; None where an earlier version has not counted them."""
    given: int | None = None
    """Of them, those that were chosen, removed ones among them."""
    rejected: dict[str, int] = {}
    """Reason -> number of frames that were wanted and are left out, also those of intervals: `rejected.jsonl`."""
    transitions: tuple[FilmTransition, ...] = ()
    failed_ranges: tuple[FailedRange, ...] = ()
    frame_numbers_counted_from_s: float | None = None
    """From here on frame numbers only count what is there: nobody knows how many frames are missing before. None: all
    numbers are the film's own."""
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

    @property
    def range_duration_s(self) -> float:
        """How much of the film was to be extracted."""
        start_s, end_s = self.settings.range_in(self.duration_s)
        return max(0.0, min(end_s, self.duration_s) - start_s)


def results_config_of(kind: type[ExtractionSettings]) -> type[msgspec.Struct]:
    """The `config` block of the results: the fields that the guide's readers know, then the settings they did not have.

    A setting that results of earlier versions lack has its default there: the images were made as it says.
    """
    by_name = {each.name: each for each in declared(kind)}
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name in (*_GUIDES_CONFIG, *(name for name in by_name if name not in _GUIDES_CONFIG)):
        if name == "workers":
            fields.append((name, int))
        elif by_name[name].setting.since is None:
            fields.append((name, by_name[name].plain_type))
        else:
            plain_type = by_name[name].plain_type
            fields.append((name, plain_type, msgspec.convert(by_name[name].default, plain_type)))
    return msgspec.defstruct("ResultsConfig", fields, module=__name__, frozen=True, kw_only=True)


_GUIDES_CONFIG: Final = ("mode", "scene_threshold", "frames_per_scene", "interval_seconds", "quality", "workers")

if TYPE_CHECKING:

    class ResultsConfig(ExtractionSettings, frozen=True, kw_only=True):
        """What the project was extracted with last."""

        workers: int

else:
    ResultsConfig = results_config_of(ExtractionSettings)


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
    sharpness: float | None = None
    """Gradient energy, as a multiple of the median of its shot."""
    motion: float | None = None
    """The smaller distance to the sample before and after it, for 1/24 s between them."""
    luma: int | None = None
    """Mean, 0 to 255."""
    distance: float | None = None
    """To the nearest other image of its shot; missing where it has no other."""
    removed: bool = False
    """Its user has removed the image: the frame is picked, and there is no file."""


class RejectedEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `rejected.jsonl`: one frame that was wanted and left out."""

    film: str
    fingerprint: str
    frame_index: int
    time_s: float
    scene: int | None = None
    interval: int | None = None
    reason: str
    """A value of `RejectReason`."""
    near_frame_index: int | None = None
    """The frame nearest to it of those that were chosen in its shot, or that a user has removed."""
    sharpness: float | None = None
    motion: float | None = None
    luma: int | None = None
    distance: float | None = None
    """To the nearest image of its shot."""
    file: str | None = None
    """Its image, relative to `rejected/`; only with `keep_all`."""
    size_bytes: int | None = None
    """Of the image."""
