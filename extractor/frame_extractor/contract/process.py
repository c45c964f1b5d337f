"""Which process is which: a pid that no later process is taken for. Linux only: reads /proc. Blocking, but short."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

_STARTTIME_FIELD: Final = 19
_SESSION_FIELD: Final = 3


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One process of one boot. A pid alone is recycled; these three together are not."""

    pid: int
    started_at_ticks: int
    """Start time in clock ticks since boot: field 22 of /proc/PID/stat."""
    boot_id: str
    """/proc/sys/kernel/random/boot_id"""


@dataclass(frozen=True)
class ProcessStat:
    """/proc/PID/stat, from its third field on."""

    fields: tuple[str, ...]

    @property
    def is_zombie(self) -> bool:
        return self.fields[0] in ("Z", "X")

    @property
    def session(self) -> int:
        return int(self.fields[_SESSION_FIELD])

    @property
    def started_at_ticks(self) -> int:
        return int(self.fields[_STARTTIME_FIELD])


def read_stat(pid: int) -> ProcessStat | None:
    """None when there is no such process."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
        return ProcessStat(tuple(text.rpartition(")")[2].split()))
    return None


@functools.cache
def boot_id() -> str:
    """This boot's id; another one after every boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has this pid now; None when there is none, or it is a zombie."""
    stat = read_stat(pid)
    if stat is None or stat.is_zombie:
        return None
    return ProcessIdentity(pid=pid, started_at_ticks=stat.started_at_ticks, boot_id=boot_id())


def this_process() -> ProcessIdentity:
    """The process that calls."""
    process = identify(os.getpid())
    assert process is not None
    return process


def is_alive(process: ProcessIdentity) -> bool:
    """Whether this very process still runs."""
    return process.pid > 0 and identify(process.pid) == process
