"""A film's packets, one coded picture each, in groups that begin with a key frame."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.logging

from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.reading.bitstream import UNKNOWN, PictureKind, kind_reader
from frame_extractor.reading.film import Film
from frame_extractor.reading.film_file import demuxed, film_file_of

LOSS_S = 1.0
"""A hole longer than this where the container complained is film that was lost, and not a pause."""
TROUBLE_PACKETS = 16
"""For so long a complaint of the container is remembered: it looks ahead."""
MAX_READ_ERRORS = 64
"""Of a container, until the film counts as broken off there."""
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
    follows_loss: bool = False
    """Film is missing before it, or another recording begins with it: nothing in it refers to what was before."""

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


def read_gops(
    container: av.container.InputContainer, stream: av.VideoStream, film: Film, trouble: Trouble
) -> Iterator[Gop]:
    """The GOPs of a stream from its first key frame on; what lies before cannot be decoded and is not of the film.

    Nor can what lies between a hole, or a clock that jumps back, and the next key frame. Raises NeedsWholeFilm where
    packets are not pictures with a time.
    """
    kind_of = kind_reader(film.codec, stream.codec_context.extradata)
    clock = _Clock(stream)
    gop: Gop | None = None
    gop_bytes = 0
    for packet in packets_of(container, stream, trouble):
        if packet.size == 0:
            continue
        if packet.pts is None:
            if not trouble.is_recent:
                raise NeedsWholeFilm("a packet without a presentation time")
            if gop is not None:  # Half a picture, where the file is damaged: what follows may refer to it.
                yield gop
                gop = None
            continue
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
        is_torn = clock.is_torn_before(coded, trouble)
        if coded.is_key or is_torn:
            if gop is not None:
                yield gop
            follows_loss = is_torn or (gop is None and clock.has_begun)
            gop, gop_bytes = (Gop([coded], follows_loss), len(payload)) if coded.is_key else (None, 0)
            clock.has_begun |= coded.is_key
        elif gop is not None:
            gop.packets.append(coded)
            gop_bytes += len(payload)
            if gop_bytes > MAX_GOP_BYTES:
                raise NeedsWholeFilm("no key frame in a very long time")
    if gop is not None:
        yield gop


class Trouble:
    """Complaints of a container that is being read: damaged, broken off."""

    def __init__(self) -> None:
        self._n_quiet: int | None = None
        """Packets read since the last complaint; None when there was none."""

    @property
    def is_recent(self) -> bool:
        return self._n_quiet is not None and self._n_quiet <= TROUBLE_PACKETS

    def complained(self) -> None:
        self._n_quiet = 0

    def quiet(self) -> None:
        """A packet came without complaint."""
        if self._n_quiet is not None:
            self._n_quiet += 1


class _Clock:
    """Watches the times of packets for where a stream was torn."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._time_base = float(stream.time_base or 0)
        self._last_dts: int | None = None
        self._latest_pts: int | None = None
        self.has_begun = False
        """A key frame has been seen."""

    def is_torn_before(self, packet: Packet, trouble: Trouble) -> bool:
        """Whether this packet does not go on from the one before it."""
        last_dts, latest_pts = self._last_dts, self._latest_pts
        self._last_dts, self._latest_pts = packet.dts, max(packet.pts, latest_pts or packet.pts)
        if last_dts is not None and packet.dts is not None and packet.dts < last_dts:
            self._latest_pts = packet.pts
            return True
        # Not by decoding times: where the container has none, they are made up, and grow smoothly over a hole.
        is_hole = latest_pts is not None and (packet.pts - latest_pts) * self._time_base > LOSS_S
        return is_hole and trouble.is_recent


def packets_of(
    container: av.container.InputContainer, stream: av.VideoStream, trouble: Trouble | None = None
) -> Iterator[av.Packet[av.VideoStream]]:
    """The stream's packets up to its end, or up to where the container breaks off for good.

    What the container complains of on the way is told to `trouble`; not to be asked for where decoder threads run,
    which would log through the same lock. Raises OSError when the file cannot be read.
    """
    for _ in range(MAX_READ_ERRORS):
        packets = demuxed(container, stream)
        while True:
            try:
                packet = next(packets, None) if trouble is None else _heard(packets, container, trouble)
            except av.error.FFmpegError as failure:
                # A transport stream's demuxer says "try again" when it has looked for the next packet for long.
                if isinstance(failure, OSError) and failure.errno != errno.EAGAIN:
                    raise
                if trouble is not None:
                    trouble.complained()
                break
            if packet is None:
                file = film_file_of(container)
                if trouble is not None and file is not None and file.has_given_up:
                    trouble.complained()
                return
            yield packet


def _heard(
    packets: Iterator[av.Packet[av.VideoStream]], container: av.container.InputContainer, trouble: Trouble
) -> av.Packet[av.VideoStream] | None:
    """The next packet, the log of the container's demuxer being listened to meanwhile."""
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # A complaint must be heard at every reading of the film, not at the first.
    try:
        with av.logging.Capture(local=True) as logs:
            packet = next(packets, None)
    finally:
        av.logging.set_level(av.logging.PANIC)
    is_damaged = packet is not None and packet.is_corrupt  # What a transport stream says instead of logging.
    if is_damaged or any(name == container.format.name for _, name, _ in logs):
        trouble.complained()
    else:
        trouble.quiet()
    return packet
