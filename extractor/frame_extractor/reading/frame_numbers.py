"""Numbers the frames of a film, past stretches that are missing too.

Where nothing is missing, frames are counted. How many are missing in a gap follows from its length, as long as all
frames so far came at an even rate. Where they did not, only those are counted that are there, even if they are
damaged: all numbers from there on are then no more than a count.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Final

MAX_JITTER_S: Final = 0.0011
"""Times are rounded, in Matroska and FLV to milliseconds."""
MAX_FRACTION: Final = 0.2
"""Of a frame: a gap whose length is further from a whole number of frames was not made of frames."""


class FrameNumbers:
    """Given what is shown, in order. Times are ticks of the stream."""

    def __init__(self, fps: float, time_base: Fraction) -> None:
        self.next = 0
        """Number of the next frame."""
        self.is_counted = False
        """Whether it is only a count of what is there, film of unknown length being missing before."""
        self._frame = float(1 / (Fraction(fps).limit_denominator(100_000) * time_base)) if fps else 0.0
        self._jitter = max(1.0, float(MAX_JITTER_S / time_base))
        self._is_even = fps > 0
        self._last: int | None = None

    def add(self, times: list[int]) -> None:
        """These frames are shown next, and none is missing before or between them."""
        shown = times if self._last is None else [self._last, *times]
        self._is_even &= all(abs(after - before - self._frame) <= self._jitter for before, after in pairwise(shown))
        self.next += len(times)
        self._last = times[-1] if times else self._last

    def skip(self, *, n_seen: int, is_all: bool, ticks: int | None) -> int:
        """Frames are missing; returns how many.

        `n_seen` of them are in the file; `is_all`: no other is missing. `ticks`: from the last frame to the next one,
        None where that is unknown.
        """
        n_lost = n_seen
        if not is_all:
            by_time = self._frames_in(ticks) if ticks is not None else None
            self.is_counted |= by_time is None
            n_lost = n_seen if by_time is None else by_time
        self.next += n_lost
        self._last = None
        return n_lost

    def _frames_in(self, ticks: int) -> int | None:
        """How many frames lie between two, so far apart; None when that is no whole number."""
        if not self._is_even:
            return None
        frames = ticks / self._frame
        return max(0, round(frames) - 1) if abs(frames - round(frames)) <= MAX_FRACTION else None
