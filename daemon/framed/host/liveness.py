"""The arguments of a process, its end, and how to signal it without ever signalling another one.

Linux only: reads /proc. Blocking, but short.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path

import anyio

from frame_extractor.contract.process import ProcessIdentity, is_alive, read_stat
from frame_extractor.contract.regular import reading


def command_line(process: ProcessIdentity) -> tuple[str, ...]:
    """The arguments of the process; empty when they cannot be read."""
    with contextlib.suppress(OSError):
        return tuple(os.fsdecode(each) for each in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0"))
    return ()


async def until_gone(process: ProcessIdentity) -> None:
    """Returns when this process has ended; another one with its pid does not count."""
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
    """Signals this process, never another one with its pid. False when it was gone."""
    # The descriptor pins the process before it is checked, so the signal goes to the process checked, or to none.
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
    """Sends SIGTERM to this process, which ends its own workers. False when it was gone."""
    return send(process, signal.SIGTERM)


def kill_tree(process: ProcessIdentity) -> None:
    """Sends SIGKILL to this process and to all processes of the session it leads. Does nothing when it is gone."""
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
    own = read_stat(leader.pid)
    if own is None or own.session != leader.pid:
        return []
    return [
        ProcessIdentity(pid=pid, started_at_ticks=stat.started_at_ticks, boot_id=leader.boot_id)
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
        if pid != leader.pid and (stat := read_stat(pid)) is not None and stat.session == leader.pid
    ]
