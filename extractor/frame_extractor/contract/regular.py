"""Opens regular files and nothing else. What a path names may have become a pipe, a device or a socket, by mistake or
by malice, and opening one of those may wait for ever.

Does not bound the time that a disk takes: one whose server is gone blocks the caller.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO, Final

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder"),
)


class NotRegular(OSError):
    """There is something of that name, and it is no regular file."""

    def __init__(self, path: str | os.PathLike[str], mode: int) -> None:
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        super().__init__(errno.EINVAL, f"it is {kind}, not a regular file", os.fspath(path))


class TooLarge(OSError):
    """The file is larger than anything that is expected there."""

    def __init__(self, path: str | os.PathLike[str], most_bytes: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {most_bytes:,} bytes", os.fspath(path))


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """A descriptor of the regular file, not inheritable. Raises OSError; NotRegular for anything else.

    `flags` and `mode` as for os.open.
    """
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    except OSError as failed:
        if failed.errno == errno.ENXIO:  # a socket, or a pipe that nobody reads and that was to be written
            raise NotRegular(path, os.stat(path).st_mode) from None
        raise
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        os.close(descriptor)
        raise NotRegular(path, found)
    os.set_blocking(descriptor, True)
    return descriptor


def reading(path: str | os.PathLike[str]) -> BinaryIO:
    """The regular file, to be read and closed by the caller. Raises OSError."""
    return os.fdopen(open_regular(path), "rb")


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """All of the regular file. Raises OSError; TooLarge when there is more than that."""
    with reading(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooLarge(path, most_bytes)
    return content
