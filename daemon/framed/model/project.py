"""The settings of a project, as data. No input or output."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from frame_extractor.contract.settings import ExtractionSettings, Mode, Quality, RequestedSettings, Sampling


class FrameExtraction(RequestedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that may be set about extracting one project: what decides the frames, and how it is run."""

    workers_per_project: Annotated[int, msgspec.Meta(ge=1, le=1024)] | Literal["auto"] = 12
    """Worker processes asked for; the budget may grant fewer. `auto` asks for all of it."""
    retry: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    """How often a failed attempt is tried again."""

    @property
    def extraction(self) -> ExtractionSettings:
        """The part that goes to the extractor."""
        return ExtractionSettings(**{name: getattr(self, name) for name in ExtractionSettings.__struct_fields__})


class Overrides(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Settings given on the command line; None means not given there."""

    mode: Mode | None = None
    scene_threshold: float | None = None
    frames_per_scene: int | None = None
    min_scene_length: int | None = None
    interval_seconds: float | None = None
    sampling: Sampling | None = None
    quality: Quality | None = None
    blur_threshold: float | None = None
    max_failed_fraction: float | None = None
    workers_per_project: int | Literal["auto"] | None = None
    retry: int | None = None
