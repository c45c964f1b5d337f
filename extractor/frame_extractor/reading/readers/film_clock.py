"""When the pictures of a film that is read whole are shown."""

from __future__ import annotations

from collections import deque
from typing import Final

import av

from frame_extractor.reading.film import Film
from frame_extractor.reading.survey import Survey

TAKEN_SLOTS: Final = 64
"""Between two key frames, the frames that come out in excess are never more."""


class Slots:
    """Times of an AVI, where only decoding has any, one slot a packet: the nth frame shown has the nth slot."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._slots: deque[tuple[int, float]] = deque()
        """Ordinal and seconds."""
        self._taken: deque[tuple[int, float]] = deque(maxlen=TAKEN_SLOTS)
        """The last that were taken."""

    def add(self, ordinal: int, packet: av.Packet[av.VideoStream]) -> float | None:
        """Its slot, in seconds, if it has one."""
        entry = self._survey.entry(ordinal)
        tick = packet.dts if entry is None else entry.tick
        if tick is None:
            return None
        self._slots.append((ordinal, float(tick * packet.time_base)))
        return self._slots[-1][1]

    def drop(self, ordinal: int) -> None:
        """Nothing will be shown for this packet."""
        self._slots = deque(slot for slot in self._slots if slot[0] != ordinal)

    def take(self, place: int | None) -> float | None:
        """When the next frame is shown, whose place is known or not. To be called once for every frame."""
        if place is not None:
            # A damaged packet may have given two frames; one of them has taken the slot of a later one.
            while self._taken and self._taken[-1][0] >= place:
                self._slots.appendleft(self._taken.pop())
            # What should have been shown before and never came out still has its slots.
            while self._slots and self._slots[0][0] < place:
                self._slots.popleft()
        if not self._slots:
            return None
        self._taken.append(self._slots.popleft())
        return self._taken[-1][1]


class FilmClock:
    """Times since the first frame, never going back."""

    def __init__(self, film: Film) -> None:
        self.frame_s = 1 / film.fps if film.fps else 0.04
        self._is_from_0 = not film.has_times
        """The stream's clock begins with the film's first picture, whether it can be shown or not."""
        self._offset: float | None = None
        self._last_s = -self.frame_s

    def begin(self, first_s: float | None) -> None:
        """The film began then, by the stream's clock, if nothing of it has been shown yet."""
        if self._offset is None:
            self._offset = 0.0 if self._is_from_0 else first_s

    def skip(self, n_frames: int) -> None:
        """`n_frames` are missing."""
        self._last_s += n_frames * self.frame_s

    def film_s(self, stream_s: float | None) -> float:
        """A time on the film's clock, which continues evenly where the stream says nothing or jumps back."""
        if stream_s is None:
            self._last_s += self.frame_s
            return self._last_s
        if self._offset is None or stream_s - self._offset <= self._last_s:
            self._offset = stream_s - (self._last_s + self.frame_s)
        self._last_s = stream_s - self._offset
        return self._last_s
