"""A stream's packets one after the other, each with whether it is damaged or film is missing beside it.

Signs of damage are the demuxer's log (`demuxer_log.py`), how the file is built (`structure.py`), and the coded bytes
(`syntax.py`). Decodes nothing.
"""

from __future__ import annotations

import errno
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import av
import av.logging

from frame_extractor.reading.demuxer_log import BROKEN_OFF, GIVEN_UP, NOTHING, Log, LoggedDamage, logged_damage
from frame_extractor.reading.film import Film, open_container
from frame_extractor.reading.film_file import demuxed, film_file_of
from frame_extractor.reading.structure import Structure
from frame_extractor.reading.syntax import damage_check

ERROR_MEMORY_PACKETS: Final = 16
"""For how many packets an error of the container counts as recent: it reads ahead."""
MAX_READ_ERRORS: Final = 64
"""Of a container, until the film counts as broken off there."""
TS_CLOCK: Final = 1 << 33
"""Where times of a transport stream begin again at 0."""
WITHOUT_POSITIONS: Final = frozenset({"asf"})
"""Their demuxers do not say where the damage is, and nothing else shows it."""
SHORT_PROBING: Final = {"fpsprobesize": "0", "probesize": "32"}
"""So that as little as can be is read at opening."""
HABIT_PACKETS: Final = range(16, 64)
"""How many of a film's first packets show whether its muxer keeps to the rules of syntax, also where a part of them is
damaged: the more of them, the fewer bytes they have."""
HABIT_BYTES: Final = 32 << 20


class DemuxerErrors:
    """How long ago the container that is being read was last found damaged or broken off."""

    def __init__(self) -> None:
        self._n_packets_since: int | None = None
        """Packets read since the last error; None when there was none."""

    @property
    def is_recent(self) -> bool:
        return self._n_packets_since is not None and self._n_packets_since <= ERROR_MEMORY_PACKETS

    def record(self) -> None:
        self._n_packets_since = 0

    def count_packet(self) -> None:
        """A packet came without an error."""
        if self._n_packets_since is not None:
            self._n_packets_since += 1


LoggedPacket = tuple["av.Packet[av.VideoStream] | None", LoggedDamage]


@dataclass(frozen=True)
class Checked:
    """A packet, and what is known of damage at it."""

    packet: av.Packet[av.VideoStream]
    payload: bytes = field(repr=False)
    is_damaged: bool
    """It is not what the encoder wrote. Whatever refers to it is as good as lost, even if it is a key frame."""
    follows_loss: bool
    """Packets may be missing just before it: unless it is a key frame, it may refer to them."""
    is_only_uncounted: bool = False
    """The only sign of damage is a gap in the counters of the transport stream's packets."""


def packets_of(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """The stream's packets up to its end, or up to where the container breaks off for good.

    Raises OSError when the file cannot be read.
    """
    for _ in range(MAX_READ_ERRORS):
        packets = demuxed(container, stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as failure:
                if not _is_passing(failure):
                    raise
                break
            if packet is None:
                return
            yield packet


def _is_passing(failure: av.error.FFmpegError) -> bool:
    # A transport stream's demuxer returns EAGAIN when it has searched for the next packet for long.
    return not isinstance(failure, OSError) or failure.errno == errno.EAGAIN


@contextmanager
def captured_log() -> Iterator[list[Log]]:
    """What FFmpeg logs from this thread inside. Not to be used where decoder threads run, which share a lock."""
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)  # A message must be seen at every reading of the film, not only at the first.
    try:
        with av.logging.Capture(local=True) as logs:
            yield logs
    finally:
        av.logging.set_level(av.logging.PANIC)


@contextmanager
def open_checked(film: Film, errors: DemuxerErrors) -> Iterator[tuple[av.VideoStream, Iterator[Checked]]]:
    """The film's picture stream, and its packets but for empty ones; errors of any kind are recorded in `errors`.

    Raises OSError when the file cannot be read.
    """
    logs: list[Log] = []
    with ExitStack() as opened:
        with captured_log() as captured:
            options = SHORT_PROBING if film.container in WITHOUT_POSITIONS else None
            container = opened.enter_context(open_container(film.path, options))
            logs += captured
        structure = opened.enter_context(closing(Structure(film.path, film.container)))
        stream = container.streams[film.stream_index]
        assert isinstance(stream, av.VideoStream)
        opening = logged_damage(logs, film.container, stream.index)
        logged = _logged_packets(container, stream, opening if film.container in WITHOUT_POSITIONS else NOTHING)
        first = list(_first(logged))
        yield stream, _checked(logged, _Inspector(film, stream, structure, opening, first), first, errors)


def _first(logged: Iterator[LoggedPacket]) -> Iterator[LoggedPacket]:
    """As many of them as show what is usual in this film: see HABIT_PACKETS."""
    n_bytes = 0
    for n_packets, (packet, damage) in enumerate(logged, 1):
        yield packet, damage
        n_bytes += packet.size if packet is not None else 0
        if n_packets >= HABIT_PACKETS.stop or (n_packets >= HABIT_PACKETS.start and n_bytes >= HABIT_BYTES):
            return


def _logged_packets(
    container: av.container.InputContainer, stream: av.VideoStream, opening: LoggedDamage
) -> Iterator[LoggedPacket]:
    """The stream's packets, but for empty ones, then None: each with what the demuxer logged while it was read.

    What was logged at opening counts for the first.
    """
    name = container.format.name
    before = opening
    for _ in range(MAX_READ_ERRORS):
        packets = demuxed(container, stream)
        while True:
            try:
                with captured_log() as logs:
                    packet = next(packets, None)
            except av.error.FFmpegError as failure:
                if not _is_passing(failure):
                    raise
                before |= BROKEN_OFF
                break
            before |= logged_damage(logs, name, stream.index)
            if packet is None:
                file = film_file_of(container)
                yield None, before | (GIVEN_UP if file is not None and file.has_given_up else NOTHING)
                return
            if packet.size:
                yield packet, before
                before = NOTHING


def _checked(
    logged: Iterator[LoggedPacket], inspector: _Inspector, first: Sequence[LoggedPacket], errors: DemuxerErrors
) -> Iterator[Checked]:
    last: Checked | None = None
    """What is read after it may show that it is damaged."""
    for packet, damage in itertools.chain(first, logged):
        if packet is None:
            if damage.is_anything:
                errors.record()
            if last is not None and damage.is_damage:
                last = replace(last, is_damaged=True)
            break
        checked = inspector.inspect(packet, damage)
        if last is not None:
            last, checked = inspector.compare(last, checked, damage)
            yield last
        last = checked
        if damage.is_anything or checked.is_damaged or checked.follows_loss:
            errors.record()
        else:
            errors.count_packet()
    if last is not None:
        yield last


class _Inspector:
    """Checks packets, one by one and each against the one before."""

    def __init__(
        self,
        film: Film,
        stream: av.VideoStream,
        structure: Structure,
        opening: LoggedDamage,
        first: Sequence[LoggedPacket],
    ) -> None:
        packets = [packet for packet, _ in first if packet is not None]
        structure.learn([(packet.pos, packet.size) for packet in packets])
        self._structure = structure
        self._is_damaged_inside = damage_check(
            film.codec,
            stream.codec_context.extradata,
            (film.coded_width, film.coded_height),
            [bytes(packet) for packet in packets],
        )
        self._checks_afterwards = film.container == "flv"
        """FFmpeg's demuxer of FLV checks what it has read before it gives it out, others before they read on."""
        self._is_start_broken = bool(packets) and structure.is_start_broken(packets[0].pos)
        """Until the first packet has been inspected."""
        self._positions = opening.positions
        self._corrupt_dts: dict[int, float] = dict.fromkeys(opening.corrupt_dts, -math.inf)
        """Decoding times of damaged packets still to come, and how many packets have come since they were logged."""
        self._corrupt_pos: int | None = None
        """Where the last of them begins: several pictures may lie in it."""

    def inspect(self, packet: av.Packet[av.VideoStream], damage: LoggedDamage) -> Checked:
        """What is known of it by itself."""
        payload = bytes(packet)
        self._corrupt_dts |= dict.fromkeys(damage.corrupt_dts, 0)
        is_corrupt = self._is_corrupt(packet)
        is_damaged = is_corrupt or (damage.is_damage and self._checks_afterwards)
        follows_loss = is_corrupt or damage.is_damage or self._is_start_broken
        self._is_start_broken = False
        return Checked(
            packet,
            payload,
            is_damaged=is_damaged or self._is_damaged_inside(payload),
            follows_loss=follows_loss,
            is_only_uncounted=is_corrupt and not self._is_damaged_inside(payload),
        )

    def _is_corrupt(self, packet: av.Packet[av.VideoStream]) -> bool:
        """Whether the demuxer has named it, or nothing else that it can have meant is to be expected."""
        named = None if packet.dts is None else packet.dts % TS_CLOCK
        found = [dts for dts, age in self._corrupt_dts.items() if dts % TS_CLOCK == named or age > ERROR_MEMORY_PACKETS]
        for dts in found:
            del self._corrupt_dts[dts]
        self._corrupt_dts = {dts: age + 1 for dts, age in self._corrupt_dts.items()}
        is_same = packet.pos is not None and packet.pos == self._corrupt_pos
        self._corrupt_pos = packet.pos if found or is_same else None
        return bool(found) or is_same

    def compare(self, before: Checked, checked: Checked, damage: LoggedDamage) -> tuple[Checked, Checked]:
        """Both, with what is known of them by what lies between."""
        one, other = before.packet, checked.packet
        is_broken = self._structure.is_broken(one.pos, one.size, other.pos)
        is_broken |= any(_lies_in(position, one, other) for position in self._positions)
        if is_broken or (damage.is_damage and not self._checks_afterwards):
            return replace(before, is_damaged=True), replace(checked, follows_loss=True)
        if before.is_only_uncounted and one.dts is not None and other.dts is not None and other.dts < one.dts:
            # Another recording begins, which is not counted on from this one.
            return replace(before, is_damaged=False, follows_loss=False), checked
        return before, checked


def _lies_in(position: int, packet: av.Packet[av.VideoStream], following: av.Packet[av.VideoStream]) -> bool:
    return packet.pos is not None and following.pos is not None and packet.pos <= position < following.pos
