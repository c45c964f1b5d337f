"""Which process is which, whether it lives, and how to end it without ever hitting another one.

A pid alone is recycled; pid, start time and boot id together are not. Linux only: reads /proc. Blocking, but short.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import anyio

from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.regular import reading

_STARTTIME_FIELD = 19
_SESSION_FIELD = 3


@dataclass(frozen=True)
class _Stat:
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


@functools.cache
def boot_id() -> str:
    """This boot's id; another one after every boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has this pid now; None when there is none, or only its remains."""
    stat = _stat(pid)
    if stat is None or stat.is_zombie:
        return None
    return ProcessIdentity(pid=pid, started_at_ticks=stat.started_at_ticks, boot_id=boot_id())


def is_alive(process: ProcessIdentity) -> bool:
    """Whether this very process still runs."""
    return process.pid > 0 and identify(process.pid) == process


def command_line(process: ProcessIdentity) -> tuple[str, ...]:
    """The arguments that the process with this pid was started with; empty when it cannot be told."""
    with contextlib.suppress(OSError):
        return tuple(os.fsdecode(each) for each in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0"))
    return ()


async def until_gone(process: ProcessIdentity) -> None:
    """Returns when this very process has ended."""
    try:
        pinned = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        if is_alive(process):
            await anyio.wait_readable(pinned)
    finally:
        os.close(pinned)


def send(process: ProcessIdentity, signum: signal.Signals) -> bool:
    """The signal to this very process. False when it was gone."""
    # The descriptor pins the process before it is looked at, so the signal goes to what was looked at or to nobody.
    try:
        pinned = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(pinned, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(pinned)
    return True


def terminate(process: ProcessIdentity) -> bool:
    """SIGTERM to this very process; it ends its own workers. False when it was gone."""
    return send(process, signal.SIGTERM)


def kill_tree(process: ProcessIdentity) -> None:
    """SIGKILL to this very process and to everything in the session it leads. Nothing when it is gone."""
    members = [process, *_session_of(process)] if is_alive(process) else []
    for member in members:
        send(member, signal.SIGKILL)


def is_locked(path: Path) -> bool:
    """Whether some process holds a flock on the file.

    Takes a shared lock for an instant, so it must not be asked while the file's owner may be about to take its own.
    """
    try:
        with reading(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _session_of(leader: ProcessIdentity) -> list[ProcessIdentity]:
    own = _stat(leader.pid)
    if own is None or own.session != leader.pid:
        return []
    return [
        ProcessIdentity(pid=pid, started_at_ticks=stat.started_at_ticks, boot_id=leader.boot_id)
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
        if pid != leader.pid and (stat := _stat(pid)) is not None and stat.session == leader.pid
    ]


def _stat(pid: int) -> _Stat | None:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
        return _Stat(tuple(text.rpartition(")")[2].split()))
    return None
