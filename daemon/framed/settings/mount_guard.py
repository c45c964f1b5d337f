"""Whether the disk of a project's output is mounted; otherwise images would fill another disk. Blocking."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from framed.settings.places import Places, is_mount_point, mounts, unescaped

_FSTAB: Final = Path("/etc/fstab")


def why_not_mounted(frames_dir: Path, places: Places, fstab: Path = _FSTAB) -> str | None:
    """Why the disk does not seem to be mounted, in one line; None when it seems to be.

    Outside the root only the project's own folder and `paths.datasets` are created. If more is missing, or if a mount
    point of `fstab` has nothing mounted on it, the disk is not mounted.
    """
    if not frames_dir.is_relative_to(places.root):
        above = places.datasets.parent if frames_dir.is_relative_to(places.datasets) else frames_dir.parent.parent
        if not os.path.isdir(above):
            return f"{above} is not there; is its disk mounted?"
    real = os.path.realpath(frames_dir)
    for point in _mount_points(fstab):
        if real.startswith(f"{point}/") and not is_mount_point(point, mounts()):
            return f"{point} is listed in {fstab} and not mounted; mount it: mount {point}"
    return None


def _mount_points(fstab: Path) -> list[str]:
    try:
        lines = fstab.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    # The system's own disk is mounted, or nothing would run.
    return [unescaped(row[1]).rstrip("/") for row in rows if len(row) > 1 and len(row[1]) > 1 and row[1][0] == "/"]
