"""Files that are wholly there or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Makes `path` hold `content`; a reader meanwhile sees the old content or the new, never a part.

    With `durable` it is on the disk when this returns, the folder's entry too. One writer at a time per path: the
    temporary name beside it is fixed, so that a crash leaves at most one and the next write takes it over.
    Raises OSError; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Puts the folder's entries (what was created, renamed, removed in it) on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """Puts all that was written to the file system of `folder` on the disk.

    One call for thousands of images, where an fsync for each would cost more than encoding it.
    Raises OSError when the file system could not write something.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), os.fspath(folder))
    finally:
        os.close(descriptor)


def entries(folder: Path) -> list[Path]:
    """What is in the folder, by name; nothing in one that cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
