"""Reads a film's packets once before the film is read whole: which are damaged, and which pictures they are.

Apart from decoding, because the log of a decoder's threads would be mixed with the demuxer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import av

from frame_extractor.reading.avi_index import Entry, index_entries, placed
from frame_extractor.reading.beginning import begin_ticks
from frame_extractor.reading.bitstream import kind_reader
from frame_extractor.reading.film import Film
from frame_extractor.reading.gops import BEGINNING_PACKETS
from frame_extractor.reading.packets import Checked, DemuxerErrors, open_checked

YIELD_EVERY_PACKETS: Final = 1000


@dataclass(frozen=True)
class Flaw:
    """A packet that is damaged, or before which others are missing."""

    ordinal: int
    """Of the packet, 0-based, in decoding order, empty ones not counted."""
    is_damaged: bool
    follows_loss: bool


@dataclass
class Survey:
    """What is known of a film's packets."""

    flaws: list[Flaw] = field(default_factory=list)
    entries: list[Entry | None] = field(default_factory=list)
    """Of a damaged AVI: what the index says each packet is, None where it does not say."""
    restarts: set[int] | None = None
    """Of an AVI: ordinals of the key frames that nothing leads; None where the stream does not say."""
    first_gap: int | None = None
    """Of a damaged AVI: ordinal of the packet before which others are missing first. Those before it are in their
    places, even if the index says otherwise."""

    begins_s: float | None = None
    """Stream time of the film's first picture, where it is missing from the file as well as one can know."""

    def is_placed(self, ordinal: int) -> bool:
        """Whether it is known when the packet's picture is shown, where the packet itself does not say."""
        return self._is_before_gaps(ordinal) or self.entry(ordinal) is not None

    def entry(self, ordinal: int) -> Entry | None:
        """What the packet is, if it comes after a gap of an AVI and the index says so."""
        if self._is_before_gaps(ordinal) or ordinal >= len(self.entries):
            return None
        return self.entries[ordinal]

    def _is_before_gaps(self, ordinal: int) -> bool:
        return self.first_gap is None or ordinal < self.first_gap

    def run(self, film: Film) -> Iterator[int]:
        """Fills it in; yields now and then how many packets have been read.

        Raises OSError when the file cannot be read.
        """
        packets: list[tuple[int, int]] = []
        with open_checked(film, DemuxerErrors()) as (stream, read):
            entries = index_entries(film.path, stream) if not film.has_times else []
            kind_of = kind_reader(film.codec, stream.codec_context.extradata) if not film.has_times else None
            self.restarts = set() if kind_of is not None else None
            beginning = _Beginning(stream)
            for ordinal, checked in enumerate(read):
                if film.has_times:
                    beginning.add(checked)
                if checked.is_damaged or checked.follows_loss:
                    self.flaws.append(Flaw(ordinal, checked.is_damaged, checked.follows_loss))
                if kind_of is not None and self.restarts is not None and kind_of(checked.payload).is_idr:
                    self.restarts.add(ordinal)
                if not film.has_times:
                    packets.append((checked.packet.pos or 0, checked.packet.size))
                if ordinal % YIELD_EVERY_PACKETS == 0:
                    yield ordinal
            self.begins_s = beginning.begins_s(film)
        breaks = [flaw.ordinal for flaw in self.flaws if flaw.follows_loss]
        if breaks and not film.has_times:
            self.first_gap = breaks[0]
            self.entries = placed(entries, packets, breaks)


class _Beginning:
    """Keeps the first packets of a film that lacks its beginning, up to its first key frame."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._is_open: bool | None = None
        self._found: list[tuple[bytes, int]] = []
        self._key: Checked | None = None

    def add(self, checked: Checked) -> None:
        if self._is_open is None:
            self._is_open = checked.follows_loss
        if not self._is_open or checked.is_damaged or checked.packet.pts is None:
            return
        if checked.packet.is_keyframe:
            self._key, self._is_open = checked, False
        elif len(self._found) < BEGINNING_PACKETS:
            self._found.append((checked.payload, checked.packet.pts))

    def begins_s(self, film: Film) -> float | None:
        """When it began; None when it lacks nothing, or has no key frame."""
        if self._key is None or self._key.packet.pts is None or not self._stream.time_base:
            return None
        key, packet = (self._key.payload, self._key.packet.pts), self._key.packet
        frame_ticks = round(1 / (film.fps * self._stream.time_base)) if film.fps else 1
        begin = begin_ticks(self._stream, key, packet.dts, self._found, frame_ticks)
        return float(begin * self._stream.time_base)


def surveyed(film: Film) -> Survey:
    """The complete survey."""
    survey = Survey()
    for _ in survey.run(film):
        pass
    return survey
