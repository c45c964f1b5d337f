"""The kernel's limits on its notifications of changed files, and how they are raised. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path("/proc/sys/fs/inotify")
_FEW_WATCHES: Final = 8_192
_FEW_INSTANCES: Final = 128


@dataclass(frozen=True)
class InotifyLimits:
    """Of all processes of one user together."""

    watches: int
    """Folders that are watched."""
    instances: int
    """Roughly: programs that watch folders."""

    @property
    def are_low(self) -> bool:
        """Whether an editor or two can exhaust them."""
        return self.watches < _FEW_WATCHES or self.instances < _FEW_INSTANCES

    @property
    def remedy(self) -> str:
        """The command that raises both, until the next boot."""
        watches, instances = max(8 * _FEW_WATCHES, 2 * self.watches), max(4 * _FEW_INSTANCES, 2 * self.instances)
        return f"sudo sysctl fs.inotify.max_user_watches={watches} fs.inotify.max_user_instances={instances}"


def read_limits() -> InotifyLimits | None:
    """None when they cannot be read."""
    try:
        watches, instances = (int((_FOLDER / f"max_user_{name}").read_text()) for name in ("watches", "instances"))
    except (OSError, ValueError):
        return None
    return InotifyLimits(watches, instances)
