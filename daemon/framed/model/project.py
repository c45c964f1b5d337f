"""What is known of a project, as data. No behaviour, no input or output."""

from __future__ import annotations

from typing import Literal

import msgspec

from frame_extractor.contract import Mode, Quality, Sampling


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
