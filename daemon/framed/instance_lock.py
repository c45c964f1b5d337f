"""The lock that allows one daemon for each root, and the record that the last daemon left in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import msgspec

from frame_extractor.contract.process import ProcessIdentity, is_alive, this_process
from frame_extractor.contract.regular import open_regular, read_regular
from framed.errors import AlreadyRunning, PlaceNotUsable
from framed.settings.places import Places

_INTRODUCTION_S: Final = 1.0
"""How long a daemon that has just taken the lock may take to write its record."""

_MOST_BYTES: Final = 1 << 16


class LockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the lock file; for people, and for the message of a command that finds no daemon."""

    pid: int
    started_at_ticks: int = 0
    boot_id: str = ""
    root: str = ""
    since: datetime
    ended: datetime | None = None
    """None while it runs, and if it was killed."""

    @property
    def process(self) -> ProcessIdentity:
        return ProcessIdentity(pid=self.pid, started_at_ticks=self.started_at_ticks, boot_id=self.boot_id)


class RootLock:
    """A lock that is held: on an open file, whose path may name another file by now."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self.path = path
        self._file = file
        self._taken = os.fstat(file.fileno())

    def is_lost(self) -> bool:
        """Whether the file at the lock's path is another one, or none: then others may hold the root as well."""
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            # Its disk may be away; that does not make room for another daemon.
            return False
        return (found.st_dev, found.st_ino) != (self._taken.st_dev, self._taken.st_ino)


@contextlib.contextmanager
def instance_lock(places: Places) -> Iterator[RootLock]:
    """Within, this process is the root's only daemon: the kernel keeps the lock, for as long as its file keeps its
    name. Raises AlreadyRunning.
    """
    file, lock = _taken(places)
    with file:
        me = this_process()
        record = LockRecord(
            pid=me.pid,
            started_at_ticks=me.started_at_ticks,
            boot_id=me.boot_id,
            root=str(places.root),
            since=datetime.now(UTC),
        )
        try:
            _write(file, record)
        except OSError as failed:
            raise PlaceNotUsable(places.lock_file, f"cannot be written: {failed.strerror}") from None
        try:
            yield lock
        finally:
            with contextlib.suppress(OSError):
                _write(file, msgspec.structs.replace(record, ended=datetime.now(UTC)))


def _taken(places: Places) -> tuple[TextIO, RootLock]:
    """The lock file, locked. Raises AlreadyRunning, PlaceNotUsable."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    while True:
        try:
            file = os.fdopen(open_regular(places.lock_file, flags, 0o600), "r+")
        except OSError as failed:
            raise PlaceNotUsable(places.lock_file, f"cannot be opened: {failed.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AlreadyRunning(_pid_of_holder(places.lock_file), places.root) from None
        lock = RootLock(file, places.lock_file)
        if not lock.is_lost():
            return file, lock
        # Removed in between: the next daemon would lock another file.
        file.close()


def _pid_of_holder(lock_file: Path) -> int | None:
    """The pid of the daemon that holds the lock; it may have taken it this instant, and write its name in a moment."""
    until_s = time.monotonic() + _INTRODUCTION_S
    while time.monotonic() < until_s:
        record = _record(read_regular(lock_file, _MOST_BYTES).decode())
        # One that was killed has left its record behind, and is not the holder.
        if record is not None and is_alive(record.process):
            return record.pid
        time.sleep(0.02)
    return None


def last_daemon_text(places: Places) -> str | None:
    """`the last one (pid 8788) ended at 2026-11-22 20:45:49`, or that it was killed; None when there was none."""
    try:
        record = _record(read_regular(places.lock_file, _MOST_BYTES).decode())
        if record is None:
            return None
        if record.ended is not None:
            return f"the last one (pid {record.pid}) ended at {_local(record.ended)}"
        seen = datetime.fromtimestamp((places.state / "framed.log").stat().st_mtime, UTC)
    except (OSError, ValueError):
        return None
    return f"the last one (pid {record.pid}) was killed, after {_local(max(seen, record.since))}"


def _write(file: TextIO, record: LockRecord) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(msgspec.json.encode(record).decode() + "\n")
    file.flush()


def _record(text: str) -> LockRecord | None:
    try:
        return msgspec.json.decode(text, type=LockRecord)
    except msgspec.MsgspecError:
        return None


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
