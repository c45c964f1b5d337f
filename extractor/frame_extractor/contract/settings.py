"""The settings of an extraction: what may be asked for, and what a film's frames depend on."""

from __future__ import annotations

import enum
from typing import Annotated, Literal

import msgspec

from frame_extractor.contract.declaration import Setting
from frame_extractor.contract.versions import IMAGE_VERSION


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

    A setting is declared here and nowhere else, see `declaration`. The bounds are those of values in files that are
    there already, which must stay readable; what may be asked for now is `RequestedSettings`.
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
        Setting(help="Content score (0-255) from which a frame begins a new shot; lower finds more.", metavar="SCORE"),
    ] = 30.0
    frames_per_scene: Annotated[
        int,
        msgspec.Meta(ge=1, le=1000),
        Setting(
            help="Images of each shot, evenly spread.",
            meaning="images of each shot, evenly spread over it less its first and last tenth; fewer when the shot has "
            "fewer frames",
        ),
    ] = 10
    min_scene_length: Annotated[
        int,
        msgspec.Meta(ge=0, le=100_000),
        Setting(help="Shortest shot, in frames of the film; cuts closer together are taken for one."),
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

    @property
    def image_key(self) -> str:
        """What the JPEG of a given frame depends on; also whether there is one."""
        return f"{self.quality.value}-blur{self.blur_threshold:g}-v{IMAGE_VERSION}"


class RequestedSettings(ExtractionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with the bounds of values that may be asked for: every number has a least and a greatest one."""

    scene_threshold: Annotated[float, msgspec.Meta(ge=0.01, le=255)] = 30.0
    interval_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=86_400)] = 2.0
    blur_threshold: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0


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
