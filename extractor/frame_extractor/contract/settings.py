"""The settings of an extraction: what may be asked for, and what a film's frames depend on."""

from __future__ import annotations

import enum
import math
from typing import Annotated, Final, Literal

import msgspec

from frame_extractor.contract.declaration import Setting
from frame_extractor.contract.film_time import FILM_TIME, film_time
from frame_extractor.contract.versions import IMAGE_VERSION

DEFAULT_SCENE_THRESHOLD: Final = 30.0
DEFAULT_FRAMES_PER_SCENE: Final = 10


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


class Detector(enum.Enum):
    """The rule that says where shots begin."""

    PEAK = "peak"
    """framed's own: a cut is where the content score stands out from the scores around it."""
    CONTENT = "content"
    """PySceneDetect's ContentDetector: the content score is at least `scene_threshold`."""
    ADAPTIVE = "adaptive"
    """PySceneDetect's AdaptiveDetector, with its defaults."""


MIN_SCENE_LENGTHS: Final = {Detector.PEAK: 5, Detector.CONTENT: 15, Detector.ADAPTIVE: 15}
"""Where none is requested, in frames of the film."""


class DetectorChoice(enum.Enum):
    """What may be asked for as a detector."""

    AUTO = "auto"
    """`content` where a `scene_threshold` is set, otherwise `peak`."""
    PEAK = "peak"
    CONTENT = "content"
    ADAPTIVE = "adaptive"


class Selection(enum.Enum):
    """Which frames of a shot are chosen."""

    DISTINCT = "distinct"
    """Frames that differ from each other, the calmest first; at most `frames_per_scene`."""
    EVEN = "even"
    """`frames_per_scene` frames, evenly spread."""


class Dedupe(enum.Enum):
    """Whether near-duplicates among images of different origin are left out."""

    SHOT = "shot"
    """In hybrid mode an interval's frame is left out when it is a near-duplicate of a frame chosen in its shot."""
    OFF = "off"


class Names(enum.Enum):
    """How images are named."""

    GUIDE = "guide"
    """`scene0003_pos2_frame000245_t10.21s.jpg`, `interval00005_frame000240_t10.00s.jpg`"""
    TIME = "time"
    """`t00010.21s_frame000245.jpg`: sorted by name they are sorted by time."""


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

    A setting is declared here and nowhere else, see `declaration`. Files that are there already must stay readable and
    keep their meaning: the bounds are those of values in them, and a default is what was done before the setting
    existed. What may be requested now, and what is done where nothing is requested, is `RequestedSettings`.
    """

    mode: Annotated[
        Mode,
        Setting(
            help="Images of every shot, one every few seconds, or both.",
            meaning="`scene`: `frames_per_scene` frames of every shot; `interval`: one frame every `interval_seconds`; "
            "`hybrid`: both, a frame that both want once",
        ),
    ] = Mode.HYBRID
    scene_threshold: Annotated[
        float,
        msgspec.Meta(gt=0, le=255),
        Setting(
            help="Content score (0-255) from which a frame begins a new shot; lower finds more. Setting it chooses the "
            "detector content; auto is 30.",
            meaning="content score (0-255) from which a frame begins a new shot; lower finds more. Only for "
            "`detector: content`, which is what a number here chooses where `detector` is not set; `auto` is 30",
            metavar="SCORE",
        ),
    ] = 30.0
    frames_per_scene: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1000)] | Literal["auto"],
        Setting(
            help="Images of each shot at most, or auto: as many as are distinct.",
            meaning="images of each shot at most. With `selection: distinct` there are fewer where fewer frames are "
            "distinct, and `auto` takes all that are, at most `max_per_shot`. With `selection: even` there are fewer "
            "only when the shot has fewer frames, and `auto` is 10",
        ),
    ] = DEFAULT_FRAMES_PER_SCENE
    min_scene_length: Annotated[
        int,
        msgspec.Meta(ge=0, le=100_000),
        Setting(
            help="Shortest shot, in frames of the film; auto is 5, for the detectors content and adaptive 15.",
            meaning="shortest shot, in frames of the film; of two cuts that are closer together one counts. `auto` "
            "is 5, for the detectors `content` and `adaptive` 15",
        ),
    ] = 15
    interval_seconds: Annotated[
        float,
        msgspec.Meta(gt=0, le=86_400),
        Setting(
            help="Seconds between images in the interval and hybrid modes.",
            meaning="image k is of the first sample at or after k times this",
            metavar="SECONDS",
        ),
    ] = 2.0
    sampling: Annotated[
        Sampling,
        Setting(
            help="Frames to decode: only those that others refer to, about half and the better half; or every frame.",
            meaning="`reference`: only pictures that others refer to, in H.264 and HEVC streams; all of them in other "
            "streams, and in those that have no others. `exact`: every picture",
        ),
    ] = Sampling.REFERENCE
    quality: Annotated[Quality, Setting(help="JPEG quality: low is 85, medium 90, high 95.")] = Quality.HIGH
    blur_threshold: Annotated[
        float,
        msgspec.Meta(ge=0),
        Setting(
            help="Leave out images whose variance of the Laplacian is below this; 0 keeps all.",
            meaning="images whose variance of the Laplacian is below this are not written; 0 writes all. Higher "
            "rejects more. Before you set it: [why it is off](decisions/0010-blur-threshold-is-off.md)",
            metavar="VARIANCE",
            section="quality",
        ),
    ] = 0.0
    max_failed_fraction: Annotated[
        float,
        msgspec.Meta(ge=0, le=1),
        Setting(
            help="Share of a film's time that may be undecodable before the film fails.",
            meaning="share of a film's time that may be undecodable before the film fails (exit 66)",
            metavar="SHARE",
        ),
    ] = 0.02
    detector: Annotated[
        Detector,
        Setting(
            help="How cuts are found: peak is framed's own, content and adaptive are PySceneDetect's; auto is content "
            "where scene_threshold is set, otherwise peak.",
            meaning="how cuts are found. `peak`: framed's own, the content score stands out from those around it; "
            "`content`: PySceneDetect's ContentDetector with `scene_threshold`; `adaptive`: its AdaptiveDetector. "
            "`auto`: `content` where `scene_threshold` is set, otherwise `peak`",
            since="0.1.0",
        ),
    ] = Detector.CONTENT
    selection: Annotated[
        Selection,
        Setting(
            help="Frames of a shot that are distinct and calm, or frames evenly spread over it.",
            meaning="`distinct`: frames of the shot that differ from each other, calm ones first, no black, uniform or "
            "transition frames; `even`: frames evenly spread over the shot less its first and last tenth",
            since="0.1.0",
        ),
    ] = Selection.EVEN
    max_per_shot: Annotated[
        int,
        msgspec.Meta(ge=1, le=1000),
        Setting(
            help="Most images of a shot where frames_per_scene is auto.",
            since="0.1.0",
        ),
    ] = 60
    dedupe: Annotated[
        Dedupe,
        Setting(
            help="Whether hybrid mode leaves out an interval's frame that is a near-duplicate of one of its shot.",
            meaning="`shot`: in hybrid mode, an interval's frame that is a near-duplicate of a frame chosen in the "
            "same shot is left out; `off`: it is not. In interval mode nothing is left out",
            since="0.1.0",
        ),
    ] = Dedupe.OFF
    start_s: Annotated[
        float,
        FILM_TIME,
        Setting(
            help="Where in the film to begin, as 0:45 or 45; negative counts from the end.",
            meaning="where in the film to begin, as `0:45`, `1:02:30` or `45` (seconds); negative counts from the end",
            metavar="TIME",
            option="start",
            key="range.start",
            since="0.1.0",
        ),
    ] = 0.0
    end_s: Annotated[
        float,
        FILM_TIME,
        Setting(
            help="Where in the film to stop, as 1:20:00; negative counts from the end, as -7:30; 0 is the end.",
            meaning="where in the film to stop, in the same form: `-7:30` leaves out the last seven and a half "
            "minutes; `0` is the end",
            metavar="TIME",
            option="end",
            key="range.end",
            since="0.1.0",
        ),
    ] = 0.0
    names: Annotated[
        Names,
        Setting(
            help="Names of images: by shot and interval, or by time, so that they sort by it.",
            meaning="`guide`: by shot and interval, as `scene0003_pos2_frame000245_t10.21s.jpg`; `time`: names that "
            "sort by time, as `t00010.21s_frame000245.jpg`",
            since="0.1.0",
        ),
    ] = Names.GUIDE
    keep_all: Annotated[
        bool,
        Setting(
            help="Write also the images that are left out as near-duplicates, black, uniform or in a transition.",
            meaning="write also the images that `selection: distinct` and `dedupe` leave out, into `rejected/`",
            since="0.1.0",
        ),
    ] = False

    @property
    def most_per_shot(self) -> int:
        """Images of a shot at most, those of intervals aside."""
        if self.frames_per_scene != "auto":
            return self.frames_per_scene
        return self.max_per_shot if self.selection is Selection.DISTINCT else DEFAULT_FRAMES_PER_SCENE

    def range_in(self, duration_s: float) -> tuple[float, float]:
        """From where to where a film of this length is extracted; the end may be infinite, or before the start."""
        start_s = self.start_s if self.start_s >= 0 else max(0.0, duration_s + self.start_s)
        end_s = (self.end_s if self.end_s > 0 else duration_s + self.end_s) if self.end_s else math.inf
        return start_s, end_s

    @property
    def image_key(self) -> str:
        """What the JPEG of a given frame depends on; also whether there is one."""
        return f"{self.quality.value}-blur{self.blur_threshold:g}-v{IMAGE_VERSION}"


class RequestedSettings(ExtractionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be requested: every number has a least and a greatest value, and some settings can be left to framed.

    Not to be used in the place of `ExtractionSettings`: `resolved` is what is stored and sent, complete.
    """

    scene_threshold: Annotated[float, msgspec.Meta(ge=0.01, le=255)] | Literal["auto"] = "auto"  # type: ignore[assignment]
    min_scene_length: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | Literal["auto"] = "auto"  # type: ignore[assignment]
    interval_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=86_400)] = 2.0
    blur_threshold: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0
    detector: DetectorChoice = DetectorChoice.AUTO  # type: ignore[assignment]
    selection: Selection = Selection.DISTINCT
    dedupe: Dedupe = Dedupe.SHOT

    @property
    def is_detector_implied(self) -> bool:
        """Whether it is the threshold that chooses the detector."""
        return self.detector is DetectorChoice.AUTO and self.scene_threshold != "auto"

    @property
    def resolved(self) -> ExtractionSettings:
        """The settings with nothing left open. Raises ValueError where they contradict each other."""
        if (self.start_s < 0) == (self.end_s < 0) and self.end_s != 0 and self.end_s <= self.start_s:
            raise ValueError(f"the end, {film_time(self.end_s)}, is not after the start, {film_time(self.start_s)}")
        values = {name: getattr(self, name) for name in ExtractionSettings.__struct_fields__}
        detector = self._detector
        min_scene_length = values["min_scene_length"]
        values |= {
            "detector": detector,
            "scene_threshold": DEFAULT_SCENE_THRESHOLD if self.scene_threshold == "auto" else self.scene_threshold,
            "min_scene_length": MIN_SCENE_LENGTHS[detector] if min_scene_length == "auto" else min_scene_length,
        }
        return ExtractionSettings(**values)

    @property
    def _detector(self) -> Detector:
        if self.detector is not DetectorChoice.AUTO:
            return Detector(self.detector.value)
        return Detector.CONTENT if self.is_detector_implied else Detector.PEAK


Workers = Annotated[
    Annotated[int, msgspec.Meta(ge=1, le=1024)] | Literal["auto"],
    Setting(
        help="Worker processes asked for, or auto: as many as there may be. Fewer may be granted.",
        meaning="worker processes asked for; `auto` asks for all there are. `workers` is another name for it",
        other_names=("workers",),
    ),
]
Retries = Annotated[
    int,
    msgspec.Meta(ge=0, le=100),
    Setting(help="How often a failed attempt is tried again."),
]
"""Not what the frames depend on, so not among the fields of `ExtractionSettings`."""
