"""A disk whose server is gone: whatever is asked of it does not return, until it is taken away."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_LAZILY = 2


@contextlib.contextmanager
def dead_disk(folder: Path) -> Iterator[Path]:
    """Within, nothing that is asked of `folder` returns: a FUSE file system that nobody serves. Afterwards it fails.

    Skips the test where this user may not mount one.
    """
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as failed:
        pytest.skip(f"no FUSE here: {failed.strerror}")
    options = f"fd={server},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"dead", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
        os.close(server)
        pytest.skip(f"no FUSE may be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield folder
    finally:
        os.close(server)
        libc.umount2(os.fsencode(folder), _LAZILY)
