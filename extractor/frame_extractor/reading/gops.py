"""A film's packets, one coded picture each, in groups that begin with a key frame."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import av

from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.reading.bitstream import UNKNOWN, KindOf, PictureKind, kind_reader
from frame_extractor.reading.film import Film
from frame_extractor.reading.packets import Checked, DemuxerErrors, open_checked

MIN_GAP_S = 1.0
"""A gap longer than this, near an error of the container, is film that was lost, and not a pause."""
BEGINNING_PACKETS = 16
"""How many of a film's first packets are kept to find out when it began, where others were lost before them."""
BEGINNING_GOPS = 4
"""How many may be out of place before it."""
MAX_GOP_BYTES = 256 << 20
"""Packets held at most while waiting for the next key frame; two minutes at 16 Mbit/s."""


@dataclass(frozen=True)
class Packet:
    """One coded picture. Times are ticks of the stream's time base."""

    payload: bytes
    pts: int
    dts: int | None
    duration: int
    is_key: bool
    is_shown: bool
    kind: PictureKind


@dataclass
class Gop:
    """A key frame and what follows it in decoding order, up to the next."""

    packets: list[Packet]

    @property
    def key(self) -> Packet:
        return self.packets[0]

    def leading(self) -> list[Packet]:
        """Pictures shown before the key frame: they refer to the GOP before it. An IDR's refer to itself alone."""
        if self.key.kind.is_idr:
            return []
        return [packet for packet in self.packets if packet.pts < self.key.pts]

    def own(self) -> list[Packet]:
        leading = {id(packet) for packet in self.leading()}
        return [packet for packet in self.packets if id(packet) not in leading]


@dataclass
class Discontinuity:
    """Film is missing or damaged here, or another recording begins: nothing after it refers to what was before."""

    lost: list[Packet] = field(default_factory=list)
    """Pictures that are there and cannot be shown as they were: damaged, or referring to what is."""
    is_all: bool = True
    """No other picture is missing."""
    is_new_clock: bool = False
    """Times have jumped back: another recording begins."""
    lacks_beginning: bool = False
    """The film's first pictures are missing; `lost` has the payload of the first that are there."""

    def merged(self, following: Discontinuity) -> Discontinuity:
        """One for both, when nothing is left between them."""
        return Discontinuity(
            lost=self.lost + following.lost,
            is_all=self.is_all and following.is_all,
            is_new_clock=self.is_new_clock or following.is_new_clock,
            lacks_beginning=self.lacks_beginning or following.lacks_beginning,
        )


@contextmanager
def open_gops(film: Film, errors: DemuxerErrors) -> Iterator[tuple[av.VideoStream, Iterator[Gop | Discontinuity]]]:
    """A film's picture stream; its GOPs from the first key frame on, and the discontinuities between them.

    What lies before the first key frame cannot be decoded and is not of the film, unless there is damage. What lies
    between a gap, damage or a clock that jumps back and the next key frame cannot be decoded either. Raises
    NeedsWholeFilm where packets are not pictures with a time.
    """
    with open_checked(film, errors) as (stream, packets):
        yield stream, _parts(stream, packets, film, errors)


def _parts(
    stream: av.VideoStream, packets: Iterator[Checked], film: Film, errors: DemuxerErrors
) -> Iterator[Gop | Discontinuity]:
    kind_of = kind_reader(film.codec, stream.codec_context.extradata)
    clock = _Clock(stream)
    parts = _Assembler()
    is_discontinuous = False
    for ordinal, checked in enumerate(packets):
        is_first = ordinal == 0
        if checked.packet.pts is None:
            if not errors.is_recent:
                raise NeedsWholeFilm("a packet without a presentation time")
            parts.break_off(is_all=False)  # Half a picture, where the file is damaged: what follows may refer to it.
            continue
        coded = _coded(checked, checked.packet.pts, kind_of)
        if is_discontinuous:
            coded = replace(coded, is_key=coded.kind.is_key_after_damage(coded.is_key))
        jump = None if checked.is_damaged else clock.jump_before(coded, errors)
        if jump or checked.follows_loss or checked.is_damaged:
            parts.break_off(
                is_all=not (jump or checked.follows_loss),
                is_new_clock=jump is Jump.BACK,
                lacks_beginning=checked.follows_loss and is_first,
            )
            is_discontinuous |= jump is not Jump.BACK
        if coded.is_key and not checked.is_damaged:
            yield from parts.complete()
            parts.begin(coded)
        else:
            parts.add(coded)
    yield from parts.complete()


class _Assembler:
    """Puts packets together to the next GOP, and to the discontinuity after it."""

    def __init__(self) -> None:
        self._gop: Gop | None = None
        self._gop_bytes = 0
        self._discontinuity: Discontinuity | None = None
        """After `_gop`, or after the one that was given last."""
        self._before_first: list[Packet] = []
        self._n_begun = 0
        """GOPs so far."""

    def break_off(self, *, is_all: bool, is_new_clock: bool = False, lacks_beginning: bool = False) -> None:
        """Nothing that comes before the next key frame can be shown. `is_all`: no picture is missing here."""
        if (
            is_new_clock
            and self._gop is None
            and self._discontinuity is not None
            and self._discontinuity.lacks_beginning
        ):
            # What was found before is out of place: the film has not begun.
            self._discontinuity.lost.clear()
            is_new_clock = False
        self._discontinuity = self._discontinuity or Discontinuity(lost=self._before_first)
        self._discontinuity.is_all &= is_all
        self._discontinuity.is_new_clock |= is_new_clock
        self._discontinuity.lacks_beginning |= lacks_beginning

    def begin(self, key: Packet) -> None:
        self._gop, self._gop_bytes, self._discontinuity, self._before_first = Gop([key]), len(key.payload), None, []
        self._n_begun += 1

    def add(self, packet: Packet) -> None:
        """Raises NeedsWholeFilm where no key frame comes for long."""
        if self._discontinuity is not None:
            if not self._discontinuity.is_new_clock:
                self._discontinuity.lost.append(self._without_payload(packet, len(self._discontinuity.lost)))
        elif self._gop is None:
            self._before_first.append(self._without_payload(packet, len(self._before_first)))
        else:
            self._gop.packets.append(packet)
            self._gop_bytes += len(packet.payload)
            if self._gop_bytes > MAX_GOP_BYTES:
                raise NeedsWholeFilm("no key frame in a very long time")

    def _without_payload(self, packet: Packet, n_before: int) -> Packet:
        """Of packets that are lost, only the payload of the film's first says when it began."""
        is_kept = self._n_begun <= BEGINNING_GOPS and n_before < BEGINNING_PACKETS
        return packet if is_kept else replace(packet, payload=b"")

    def complete(self) -> list[Gop | Discontinuity]:
        """What is complete: the GOP, as far as it can be shown, and the discontinuity after it."""
        if self._discontinuity is None:
            return [] if self._gop is None else [self._gop]
        return [*([] if self._gop is None else _before(self._gop, self._discontinuity)), self._discontinuity]


def _coded(checked: Checked, pts: int, kind_of: KindOf | None) -> Packet:
    packet = checked.packet
    return Packet(
        payload=b"" if checked.is_damaged else checked.payload,
        pts=pts,
        dts=packet.dts,
        duration=packet.duration or 0,
        is_key=packet.is_keyframe,
        is_shown=not packet.is_discard,
        kind=kind_of(checked.payload) if kind_of else UNKNOWN,
    )


def _before(gop: Gop, discontinuity: Discontinuity) -> list[Gop]:
    """What is left of a GOP before a discontinuity: what is shown before the first lost picture."""
    if not discontinuity.lost:
        return [gop]
    first_lost = min(packet.pts for packet in discontinuity.lost)
    if gop.key.pts > first_lost:
        discontinuity.lost += gop.packets
        return []
    late = [packet for packet in gop.packets if packet.pts > first_lost]
    discontinuity.lost += late
    # Others may refer to them.
    unseen = {id(packet) for packet in late}
    return [Gop([replace(each, is_shown=False) if id(each) in unseen else each for each in gop.packets])]


class Jump(enum.Enum):
    """How the times of packets do not continue."""

    BACK = "back"
    GAP = "gap"


class _Clock:
    """Watches the times of packets for jumps."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._time_base = float(stream.time_base or 0)
        self._last_dts: int | None = None
        self._latest_pts: int | None = None

    def jump_before(self, packet: Packet, errors: DemuxerErrors) -> Jump | None:
        """How this packet's time does not continue from the one before it; None when it does."""
        last_dts, latest_pts = self._last_dts, self._latest_pts
        self._last_dts, self._latest_pts = packet.dts, max(packet.pts, latest_pts or packet.pts)
        if last_dts is not None and packet.dts is not None and packet.dts < last_dts:
            self._latest_pts = packet.pts
            return Jump.BACK
        # Not by decoding times: where the container has none, they are invented, and grow smoothly over a gap.
        is_gap = latest_pts is not None and (packet.pts - latest_pts) * self._time_base > MIN_GAP_S
        return Jump.GAP if is_gap and errors.is_recent else None
