"""How many workers an attempt may have at this moment, and how many it has; shared between threads.

The pool (pool.py) stays within it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.attempt import Control
from frame_extractor.contract.regular import read_regular

_MAX_BYTES: Final = 1 << 16
READ_EVERY_S: Final = 0.25
"""How old the content of `control.json` that is used may be; it changes less often than chunks end."""


@dataclass(frozen=True)
class Grant:
    """What was granted, from one reading."""

    workers: int
    paused: bool = False
    serial: int = 0
    """Of the `control.json` that says so; 0 for the specification."""

    @property
    def at_work(self) -> int:
        """How many may work now."""
        return 0 if self.paused else self.workers


class WorkerGrant:
    """The workers of one attempt, as a number granted and a number at work."""

    def __init__(self, workers: int, *, control: Path | None = None, attempt: int = 0) -> None:
        """`workers` of the specification; `control`, the file that may say otherwise about this attempt."""
        self.at_work = 0
        """Cores in use. Set by the pool."""
        self.is_elastic = True
        """Whether fewer workers can be had without stopping altogether. Set by the pool."""
        self._of_spec = Grant(workers)
        self._control = control
        self._attempt = attempt
        self._lock = threading.Lock()
        self._grant = self._of_spec
        self._read_at = -READ_EVERY_S

    @property
    def granted(self) -> Grant:
        """What is granted now; the file is read at most every READ_EVERY_S."""
        # One reader at a time, so that nobody acts on an older grant than one that was already reported.
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._read_at >= READ_EVERY_S:
                self._grant, self._read_at = self._read(), now_s
            return self._grant

    def _read(self) -> Grant:
        if self._control is None:
            return self._of_spec
        try:
            control = msgspec.json.decode(read_regular(self._control, _MAX_BYTES), type=Control)
        except (OSError, ValueError, RecursionError):
            return self._of_spec
        if control.attempt != self._attempt:
            return self._of_spec
        return Grant(control.workers, control.paused, control.serial)
