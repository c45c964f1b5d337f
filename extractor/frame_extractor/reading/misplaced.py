"""Leaves out stretches of film that lie in the wrong place of a damaged file.

After a discontinuity, what comes is held back for some seconds: when the film continues at the next discontinuity from
where it was before the first, what was held is out of place. Where nothing is damaged, nothing is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from frame_extractor.reading.gops import Discontinuity, Gop

HELD_S: Final = 10.0
HELD_BYTES: Final = 64 << 20
"""A longer stretch is film: another recording, or what comes after a large gap."""


def without_misplaced(parts: Iterator[Gop | Discontinuity], time_base: Fraction) -> Iterator[Gop | Discontinuity]:
    """The same GOPs and discontinuities, but for GOPs out of place: what they leave is one discontinuity."""
    order = _Reorder(round(HELD_S / time_base))
    for part in parts:
        yield from order.add_discontinuity(part) if isinstance(part, Discontinuity) else order.add_gop(part)
    yield from order.finish()


class _Reorder:
    def __init__(self, held_ticks: int) -> None:
        self._held_ticks = held_ticks
        self._end: int | None = None
        """Presentation time of the last picture that was given."""
        self._discontinuity: Discontinuity | None = None
        """Before `_held`."""
        self._held: list[Gop] = []
        self._next_discontinuity: Discontinuity | None = None
        """After `_held`."""

    def add_discontinuity(self, found: Discontinuity) -> Iterator[Gop | Discontinuity]:
        if self._discontinuity is None:
            if found.is_all or (self._end is None and not found.lacks_beginning):
                yield found
            else:
                self._discontinuity = found
        elif self._held:
            self._next_discontinuity = (
                found if self._next_discontinuity is None else self._next_discontinuity.merged(found)
            )
        else:
            self._discontinuity = self._discontinuity.merged(found)

    def add_gop(self, gop: Gop) -> Iterator[Gop | Discontinuity]:
        if self._discontinuity is None:
            yield self._given(gop)
            return
        if self._next_discontinuity is not None:
            if self._continues_with(gop):
                self._discontinuity = self._merged(self._discontinuity, self._next_discontinuity)
                self._held.clear()
            else:
                yield from self._flushed()
                self._discontinuity = self._next_discontinuity
            self._next_discontinuity = None
        self._held.append(gop)
        n_bytes = sum(len(packet.payload) for each in self._held for packet in each.packets)
        if gop.key.pts - self._held[0].key.pts >= self._held_ticks or n_bytes >= HELD_BYTES:
            yield from self._flushed()

    def finish(self) -> Iterator[Gop | Discontinuity]:
        yield from self._flushed()
        if self._next_discontinuity is not None:
            yield self._next_discontinuity

    def _continues_with(self, gop: Gop) -> bool:
        """Whether the film continues after the first discontinuity with this GOP, rather than with what is held."""
        if self._end is None:
            return gop.key.pts < self._held[0].key.pts
        return gop.key.pts > self._end and gop.key.pts - self._end < abs(self._held[0].key.pts - self._end)

    def _merged(self, found: Discontinuity, following: Discontinuity) -> Discontinuity:
        """One discontinuity for both, what was between them being out of place."""
        lost = following.lost if self._end is None else found.lost
        return replace(found, lost=lost, is_all=False)

    def _flushed(self) -> Iterator[Gop | Discontinuity]:
        if self._discontinuity is not None:
            yield self._discontinuity
        for gop in self._held:
            yield self._given(gop)
        self._discontinuity, self._held = None, []

    def _given(self, gop: Gop) -> Gop:
        self._end = max(packet.pts for packet in gop.packets)
        return gop
