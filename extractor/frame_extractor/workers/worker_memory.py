"""The memory that a worker has freed: kept for the next picture while it works, returned when it is much, or idle.

A picture is megabytes. By default the C library maps each one, has it zeroed page by page, and unmaps it: half of all
system time. Returning what is free after every task was most of the rest: docs/decisions/0072.
"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Final

KEPT_BYTES: Final = 512 << 20
"""A worker that holds less keeps it from task to task. One of 1080p holds about as much."""
RETURNED_EVERY_CPU_S: Final = 20.0
"""The worker's CPU time between two returns at least, while there is work: each costs it some tenths of a second."""
IDLE_AFTER_S: Final = 5.0
"""Without anything to do for so long, a worker returns what it does not need."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_NO_LIMIT_BYTES = 1 << 30
"""More than any picture."""


class WorkerMemory:
    """Of this process. Does nothing where the C library is not glibc."""

    def __init__(self) -> None:
        """From here on what is freed is kept until it is returned."""
        self._libc = ctypes.CDLL(None)
        self._can_return = hasattr(self._libc, "malloc_trim")
        self._returned_at_cpu_s = time.process_time()
        if hasattr(self._libc, "mallopt"):
            self._libc.mallopt(_M_MMAP_THRESHOLD, _NO_LIMIT_BYTES)
            self._libc.mallopt(_M_TRIM_THRESHOLD, _NO_LIMIT_BYTES)
            # What the thread of one decoder has freed is for that of the next, and for this one.
            self._libc.mallopt(_M_ARENA_MAX, 1)

    def return_free_if_large(self) -> None:
        """Between two tasks: otherwise the gaps between what is held would grow over a long film."""
        is_due = time.process_time() - self._returned_at_cpu_s >= RETURNED_EVERY_CPU_S
        if is_due and resident_bytes() > KEPT_BYTES:
            self.return_free()

    def return_free(self) -> None:
        """What is free goes back to the operating system."""
        if self._can_return:
            self._libc.malloc_trim(0)
        self._returned_at_cpu_s = time.process_time()


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
