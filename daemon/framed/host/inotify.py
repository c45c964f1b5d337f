"""How many folders may be watched by this user's programs, and the command that raises it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

RAISE: Final = "sudo sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=512"
"""Until the next boot; docs/operations.md says how for ever."""

_FOLDER: Final = Path("/proc/sys/fs/inotify")


class Limits(NamedTuple):
    """Of all programs of one user together."""

    watches: int
    instances: int


def read_limits() -> Limits | None:
    """None where the kernel does not say."""
    try:
        return Limits(*(int((_FOLDER / f"max_user_{name}").read_text(encoding="ascii")) for name in Limits._fields))
    except (OSError, ValueError):
        return None
