"""Which files are films, by their names alone. No input or output."""

from __future__ import annotations

from typing import Final

FILM_SUFFIXES: Final = frozenset(
    {".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".vob", ".webm", ".wmv"}
    # The same containers by other names.
    | {".3g2", ".3gp", ".asf", ".divx", ".f4v", ".m2t", ".mpe", ".mpeg", ".mts", ".qt"}
)
"""Extensions of films, in lower case; upper case is the same."""

OTHER_VIDEO_SUFFIXES: Final = frozenset(
    {".amv", ".av1", ".bik", ".dav", ".dv", ".evo", ".gxf", ".h264", ".h265", ".hevc", ".iso", ".ivf", ".m1v", ".m2v"}
    | {".mj2", ".mjpeg", ".mk3d", ".mpv", ".mxf", ".nut", ".nuv", ".ogm", ".ogv", ".rm", ".rmvb", ".swf", ".trp"}
    | {".tp", ".wtv", ".y4m"}
)
"""Extensions of videos that are not extracted, as their containers are untested. They are skipped, and reported."""

MOST_ENTRIES: Final = 200_000
"""Limit of entries that are read of a project's folder: raw_videos may be the wrong folder."""
MOST_FOLDERS: Final = 2_000
MOST_DEPTH: Final = 4
"""Folders within each other below the project's."""


def is_film_name(name: str) -> bool:
    """Whether a file of this name is a film: by its extension, and not hidden, a backup or a partial download.

    Unfinished downloads (`x.mkv.part`, `x.mkv.crdownload`) have another last extension; `._x.mkv` is what macOS writes
    beside every file on disks of other systems.
    """
    return _has_suffix(name, FILM_SUFFIXES)


def is_other_video_name(name: str) -> bool:
    """Whether a file of this name is a video that framed does not extract."""
    return _has_suffix(name, OTHER_VIDEO_SUFFIXES)


def _has_suffix(name: str, suffixes: frozenset[str]) -> bool:
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and not name.startswith((".", "~")) and f"{dot}{suffix}".lower() in suffixes
