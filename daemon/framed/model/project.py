"""What is known of a project, as data: its settings, and which files are films. No input or output."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from frame_extractor.contract.settings import ExtractionSettings, Mode, Quality, RequestedSettings, Sampling

FILM_SUFFIXES: Final = frozenset(
    {".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".vob", ".webm", ".wmv"}
    # The same containers by other names.
    | {".3g2", ".3gp", ".asf", ".divx", ".f4v", ".m2t", ".mpe", ".mpeg", ".mts", ".qt"}
)
"""Extensions of files that are taken for films, in lower case; upper case is the same."""

OTHER_VIDEO_SUFFIXES: Final = frozenset(
    {".amv", ".av1", ".bik", ".dav", ".dv", ".evo", ".gxf", ".h264", ".h265", ".hevc", ".iso", ".ivf", ".m1v", ".m2v"}
    | {".mj2", ".mjpeg", ".mk3d", ".mpv", ".mxf", ".nut", ".nuv", ".ogm", ".ogv", ".rm", ".rmvb", ".swf", ".trp"}
    | {".tp", ".wtv", ".y4m"}
)
"""Extensions of videos that are not: their containers have not been tried. They are passed over, and that is said."""


def is_film_name(name: str) -> bool:
    """Whether a file of this name is a film: by its extension, and not hidden, a backup or half downloaded.

    Names under which programs still write (`x.mkv.part`, `x.mkv.crdownload`) fall out by their last extension;
    `._x.mkv` is what macOS leaves beside every file on foreign disks.
    """
    return _has_suffix(name, FILM_SUFFIXES)


def is_other_video_name(name: str) -> bool:
    """Whether a file of this name holds a video that is no film here, by its extension alone."""
    return _has_suffix(name, OTHER_VIDEO_SUFFIXES)


def _has_suffix(name: str, suffixes: frozenset[str]) -> bool:
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and not name.startswith((".", "~")) and f"{dot}{suffix}".lower() in suffixes


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
