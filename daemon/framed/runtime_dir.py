"""This user's folder for sockets and for the list of running daemons."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def runtime_dir(environ: Mapping[str, str]) -> Path:
    """The folder; it may not exist yet."""
    for base in (environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}"):
        # Asked for even when the variable is not set: cron and ssh do not set it, and must find the same sockets.
        if os.path.isabs(base) and os.path.isdir(base) and os.stat(base).st_uid == os.getuid():
            return Path(base) / "framed"
    return fallback_dir()


def fallback_dir() -> Path:
    """Always there and always short; made private, and its owner checked, before anything in it is used."""
    return Path(f"/tmp/framed-{os.getuid()}")  # noqa: S108 -- see above
