"""A film's packets, one coded picture each, in groups that begin with a key frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av

from frame_extractor.bitstream import UNKNOWN, PictureKind, kind_reader
from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.film import Film

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


def read_gops(container: av.container.InputContainer, stream: av.VideoStream, film: Film) -> Iterator[Gop]:
    """The GOPs of a stream from its first key frame on; what lies before cannot be decoded and is not of the film.

    Raises NeedsWholeFilm where packets are not pictures with a time.
    """
    kind_of = kind_reader(film.codec, stream.codec_context.extradata)
    gop: Gop | None = None
    gop_bytes = 0
    last_dts: int | None = None
    for packet in packets_of(container, stream):
        if packet.size == 0:
            continue
        if packet.pts is None:
            raise NeedsWholeFilm("a packet without a presentation time")
        payload = bytes(packet)
        coded = Packet(
            payload=payload,
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            is_key=packet.is_keyframe,
            is_shown=not packet.is_discard,
            kind=kind_of(payload) if kind_of else UNKNOWN,
        )
        jumps_back = coded.dts is not None and last_dts is not None and coded.dts < last_dts
        last_dts = coded.dts
        if coded.is_key or jumps_back:
            if gop is not None:
                yield gop
            # Where the clock jumps back another recording begins: it too can be decoded from its first key frame on.
            gop, gop_bytes = (Gop([coded]), len(payload)) if coded.is_key else (None, 0)
        elif gop is not None:
            gop.packets.append(coded)
            gop_bytes += len(payload)
            if gop_bytes > MAX_GOP_BYTES:
                raise NeedsWholeFilm("no key frame in a very long time")
    if gop is not None:
        yield gop


def packets_of(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """The stream's packets up to its end, or up to where the container breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as failure:
            if isinstance(failure, OSError):
                raise
            return
        if packet is None:
            return
        yield packet
