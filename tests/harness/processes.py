"""What runs on this machine, seen without procps, which a small Debian lacks."""

from __future__ import annotations

import contextlib
import os

import psutil


def session_members(leader: int) -> list[int]:
    """The pids of every process of the session that `leader` leads, or led, but its own."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getsid(pid) == leader:
                found.append(pid)
    return found
