"""The frames of the current shot that may still be wanted.

Which frames of a shot are picked depends on its length, known only at its end. The grid keeps few enough to hold and
enough to choose from: see `plan.grid_step`. Where a shot begins is known only some samples later; those that may be the
first of a new shot are therefore kept as well, for so long.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

from frame_extractor.picking.plan import MAX_GRID_BYTES, grid_step
from frame_extractor.reading.readers import Frame

MAX_RECENT_BYTES = 96 << 20
"""Frames kept at most because they may begin a shot."""
RECENT_SAMPLES = 32
"""A detector is certain of a cut this much later at most, as a rule. Later, frames are read a second time."""


class Grid:
    """Frames by sample number: all whose number is a multiple of a step that doubles as the shot grows."""

    def __init__(self, size: int) -> None:
        """`size`: of a shot's grid, at most."""
        self._size = size
        self._step = 1
        self._length = 0
        self._frames: dict[int, Frame] = {}
        self._bytes = 0
        self._recent: OrderedDict[int, Frame] = OrderedDict()
        """The last samples, since one that may begin a shot."""
        self._possible_lengths: deque[int] = deque()
        """How long the shot is if it has ended: before each of the last samples that may begin another."""

    def add(self, number: int, frame: Frame, *, may_begin_shot: bool = False) -> None:
        """Takes the shot's next sample."""
        if may_begin_shot:
            self._possible_lengths.append(self._length)
        self._length += 1
        while self._possible_lengths and self._possible_lengths[0] < self._length - RECENT_SAMPLES:
            self._possible_lengths.popleft()
        # As fine as the shot would need it if it has ended.
        self._double_to(grid_step(min([self._length, *self._possible_lengths]), self._size))
        if number % self._step == 0:
            self._frames[number] = frame
            self._bytes += frame.pixels.nbytes
            self._limit_bytes()
        self._add_recent(number, frame)

    def frames(self, numbers: list[int]) -> Iterator[Frame]:
        """Those of these samples that are held."""
        return (self._frames[number] for number in numbers if number in self._frames)

    def held(self, first: int, last: int) -> list[int]:
        """Sample numbers held, from `first` to `last`."""
        return [number for number in self._frames if first <= number <= last]

    def begin_shot(self, start: int, length: int) -> None:
        """The running shot begins at sample `start`, `length` samples ago; what is before is dropped."""
        held = sorted({**self._frames, **self._recent}.items())
        self._step = grid_step(length, self._size)
        previous, self._length = self._length, length
        self._frames = {number: frame for number, frame in held if number >= start and number % self._step == 0}
        self._bytes = _bytes_of(self._frames)
        self._limit_bytes()
        self._recent = OrderedDict((number, frame) for number, frame in self._recent.items() if number >= start)
        lengths = (each - (previous - length) for each in self._possible_lengths)
        self._possible_lengths = deque(each for each in lengths if each > 0)

    def _add_recent(self, number: int, frame: Frame) -> None:
        if not self._possible_lengths:
            self._recent.clear()
            return
        self._recent[number] = frame
        if len(self._recent) > min(RECENT_SAMPLES, MAX_RECENT_BYTES // frame.pixels.nbytes):
            self._recent.popitem(last=False)

    def _limit_bytes(self) -> None:
        while self._bytes > MAX_GRID_BYTES and len(self._frames) > 1:
            self._double_to(2 * self._step)

    def _double_to(self, step: int) -> None:
        if step > self._step:
            self._step = step
            self._frames = {number: frame for number, frame in self._frames.items() if number % step == 0}
            self._bytes = _bytes_of(self._frames)


def _bytes_of(frames: dict[int, Frame]) -> int:
    return sum(frame.pixels.nbytes for frame in frames.values())
