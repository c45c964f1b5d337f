"""Leaves out stretches of film that lie in the wrong place of a damaged file.

After a tear, what comes is held back for some seconds: when the film goes on from before it at the next tear, what
was held is out of place. Where nothing is damaged, nothing is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from frame_extractor.reading.gops import Gop, Tear

HELD_S: Final = 10.0
HELD_BYTES: Final = 64 << 20
"""A longer stretch is film: another recording, or what is left behind a large hole."""


def in_place(parts: Iterator[Gop | Tear], time_base: Fraction) -> Iterator[Gop | Tear]:
    """The same GOPs and tears, but for GOPs out of place: what they leave is one tear."""
    order = _Order(round(HELD_S / time_base))
    for part in parts:
        yield from order.add_tear(part) if isinstance(part, Tear) else order.add_gop(part)
    yield from order.rest()


class _Order:
    def __init__(self, held_ticks: int) -> None:
        self._held_ticks = held_ticks
        self._end: int | None = None
        """Presentation time of the last picture that was given."""
        self._tear: Tear | None = None
        """Before `_held`."""
        self._held: list[Gop] = []
        self._next_tear: Tear | None = None
        """Behind `_held`."""

    def add_tear(self, tear: Tear) -> Iterator[Gop | Tear]:
        if self._tear is None:
            if tear.is_all or (self._end is None and not tear.lacks_beginning):
                yield tear
            else:
                self._tear = tear
        elif self._held:
            self._next_tear = tear if self._next_tear is None else self._next_tear.joined(tear)
        else:
            self._tear = self._tear.joined(tear)

    def add_gop(self, gop: Gop) -> Iterator[Gop | Tear]:
        if self._tear is None:
            yield self._given(gop)
            return
        if self._next_tear is not None:
            if self._goes_on_with(gop):
                self._tear = self._joined(self._tear, self._next_tear)
                self._held.clear()
            else:
                yield from self._flushed()
                self._tear = self._next_tear
            self._next_tear = None
        self._held.append(gop)
        n_bytes = sum(len(packet.payload) for each in self._held for packet in each.packets)
        if gop.key.pts - self._held[0].key.pts >= self._held_ticks or n_bytes >= HELD_BYTES:
            yield from self._flushed()

    def rest(self) -> Iterator[Gop | Tear]:
        yield from self._flushed()
        if self._next_tear is not None:
            yield self._next_tear

    def _goes_on_with(self, gop: Gop) -> bool:
        """Whether the film goes on from before the first tear with this GOP, rather than with what is held."""
        if self._end is None:
            return gop.key.pts < self._held[0].key.pts
        return gop.key.pts > self._end and gop.key.pts - self._end < abs(self._held[0].key.pts - self._end)

    def _joined(self, tear: Tear, following: Tear) -> Tear:
        """One tear for both, what was between them being out of place."""
        lost = following.lost if self._end is None else tear.lost
        return replace(tear, lost=lost, is_all=False)

    def _flushed(self) -> Iterator[Gop | Tear]:
        if self._tear is not None:
            yield self._tear
        for gop in self._held:
            yield self._given(gop)
        self._tear, self._held = None, []

    def _given(self, gop: Gop) -> Gop:
        self._end = max(packet.pts for packet in gop.packets)
        return gop
