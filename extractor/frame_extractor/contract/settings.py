"""The settings of an extraction: what may be asked for, and what a film's frames depend on."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

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
