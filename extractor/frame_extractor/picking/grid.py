"""The frames of a running shot that may still be wanted of it.

Which frames of a shot are picked depends on its length, known only at its end. The grid keeps few enough to hold and
enough to choose from: see `plan.grid_step`.
"""

from __future__ import annotations

from collections.abc import Iterator

from frame_extractor.picking.plan import GRID_PICKS
from frame_extractor.reading.readers import Frame

MAX_BYTES = 384 << 20
"""Pictures held at most; at 4K that is 15. What would have been wanted beyond is read a second time."""


class Grid:
    """Frames by sample number: all whose number is a multiple of a step that doubles as the shot grows."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._step = 1
        self._length = 0
        self._frames: dict[int, Frame] = {}
        self._bytes = 0

    def add(self, number: int, frame: Frame) -> None:
        """Takes the shot's next sample."""
        self._length += 1
        self._thin()
        if number % self._step == 0:
            self._frames[number] = frame
            self._bytes += frame.pixels.nbytes
            while self._bytes > MAX_BYTES and len(self._frames) > 1:
                self._double()

    def frames(self, numbers: list[int]) -> Iterator[Frame]:
        """Those of these samples that are held."""
        return (self._frames[number] for number in numbers if number in self._frames)

    def held(self, first: int, last: int) -> list[int]:
        """Sample numbers held, from `first` to `last`."""
        return [number for number in self._frames if first <= number <= last]

    def begin_shot(self, start: int, length: int) -> None:
        """The running shot begins at sample `start`, `length` samples ago; what is before is let go."""
        self._frames = {number: frame for number, frame in self._frames.items() if number >= start}
        self._bytes = sum(frame.pixels.nbytes for frame in self._frames.values())
        self._length = length
        if not self._frames:
            self._step = 1

    def _thin(self) -> None:
        while self._length > GRID_PICKS * self._wanted * self._step:
            self._double()

    def _double(self) -> None:
        self._step *= 2
        self._frames = {number: frame for number, frame in self._frames.items() if number % self._step == 0}
        self._bytes = sum(frame.pixels.nbytes for frame in self._frames.values())
