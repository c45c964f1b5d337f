"""The lock of an output folder: one process at a time works in it. See epoch.py for where there are no locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Final

from frame_extractor.attempt.failures import OutputBusy
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.layout import OutputLayout

LOCK_PATIENCE_S: Final = 0.5
"""A process that only asks whether the folder is locked holds the lock for an instant."""


def folder_lock(spec: AttemptSpec) -> contextlib.AbstractContextManager[None]:
    """This attempt alone works in the folder. Raises OutputBusy, which names the process that does."""
    return exclusive_use(spec.layout, f"(job {spec.job_id}, attempt {spec.attempt})")


@contextlib.contextmanager
def exclusive_use(layout: OutputLayout, who: str) -> Iterator[None]:
    """This process alone works in the folder; `who` describes it to others. Raises OutputBusy."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise OutputBusy(layout.folder, _holder(descriptor))
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} {who}\n".encode())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "another extractor"
