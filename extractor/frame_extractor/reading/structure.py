"""Whether a file continues without a break from one picture to the next, where demuxers skip data without a message.

Reads a few bytes beside the demuxer, at the positions that it gives.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from frame_extractor.reading.syntax import is_habit

TS_PACKET_BYTES: Final = 188
M2TS_PACKET_BYTES: Final = 192
TS_SYNC: Final = 0x47
MAX_CHECKED_BYTES: Final = 64 << 20
"""Between two pictures; a longer stretch is not checked."""
RIFF_HEADER_BYTES: Final = 8
RIFF_FILM: Final = b"movi"
MAX_AVI_HEADER_BYTES: Final = 1 << 20
RIFF_LISTS: Final = (b"LIST", b"RIFF")
RIFF_LIST_HEADER_BYTES: Final = 12
SYNC_SAMPLE_BYTES: Final = 1 << 18
"""Of a transport stream's beginning: shows how long its packets are, even where a part of it is damaged."""
FLV_HEADER_SIZE_AT: Final = 5
FLV_PREVIOUS_BYTES: Final = 4
"""Before each tag, the size of the one before it."""
FLV_TAG_HEADER_BYTES: Final = 11
FLV_TAGS: Final = frozenset({8, 9, 18})

BLOCK_HEADER_BYTES: Final = 4
"""Track number, time and flags."""
EBML_HEADER_BYTES: Final = 12
EBML_MASTERS: Final = frozenset({0x1F43B675, 0xA0})
"""Cluster and BlockGroup, whose elements are checked one by one."""
EBML_SEGMENT: Final = 0x18538067
EBML_BLOCKS: Final = frozenset({0xA3, 0xA1})
EBML_OTHERS: Final = frozenset(
    {0xE7, 0xA7, 0xAB, 0xEC, 0xBF, 0x9B, 0xFB, 0xFA, 0xFD, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xAF, 0x5854}
    | {0x1C53BB6B, 0x1254C367, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1941A469, 0x1043A770}
)
"""What else there is in and between clusters: RFC 9559."""

IsBroken = Callable[[int, int, int], bool]
"""Asked with a packet's position, its size and the next one's position: whether something is damaged in between."""
IsStartBroken = Callable[[int], bool]
"""Asked with the first packet's position: whether something is damaged before it."""


class Structure:
    """The file beside its demuxer. Raises OSError when it cannot be read."""

    def __init__(self, path: Path, format_name: str) -> None:
        self._file = path.open("rb", buffering=0)
        self._is_as_usual = True
        self._is_broken, self._is_start_broken = self._checks_of(format_name)

    def close(self) -> None:
        self._file.close()

    def learn(self, first: Sequence[tuple[int | None, int]]) -> None:
        """Takes the positions and sizes of the first packets: where they do not fit, the format is used otherwise."""
        pairs = [(*one, following[0]) for one, following in itertools.pairwise(first)]
        if pairs and is_habit(sum(self.is_broken(*pair) for pair in pairs), len(pairs)):
            self._is_as_usual = False

    def is_start_broken(self, first_position: int | None) -> bool:
        """Whether something is damaged between the beginning of the film's data and its first packet.

        False where that is not known.
        """
        if first_position is None or first_position > MAX_CHECKED_BYTES or not self._is_as_usual:
            return False
        return self._is_start_broken is not None and self._is_start_broken(first_position)

    def is_broken(self, position: int | None, size: int, next_position: int | None) -> bool:
        """Whether the file is damaged between the beginnings of two packets of the stream; False when unknown."""
        if self._is_broken is None or position is None or next_position is None or not self._is_as_usual:
            return False
        if not 0 <= position < next_position <= position + MAX_CHECKED_BYTES:
            return False
        return self._is_broken(position, size, next_position)

    def _checks_of(self, format_name: str) -> tuple[IsBroken | None, IsStartBroken | None]:
        if format_name == "mpegts":
            return self._ts_checks()
        return {
            "avi": (self._is_riff_broken, self._is_riff_start_broken),
            "matroska,webm": (self._is_ebml_broken, self._is_ebml_start_broken),
            "flv": (None, self._is_flv_start_broken),
        }.get(format_name, (None, None))

    def _ts_checks(self) -> tuple[IsBroken | None, IsStartBroken | None]:
        head = self._read(0, SYNC_SAMPLE_BYTES)
        for packet_bytes, first in ((TS_PACKET_BYTES, 0), (M2TS_PACKET_BYTES, 4)):
            phases = (head[phase::packet_bytes] for phase in range(packet_bytes))
            if any(2 * phase.count(TS_SYNC) > len(phase) >= 2 for phase in phases):
                return (
                    partial(self._is_ts_broken, packet_bytes, first),
                    partial(self._is_ts_start_broken, packet_bytes, first),
                )
        return None, None

    def _is_ts_start_broken(self, packet_bytes: int, first: int, first_position: int) -> bool:
        # A recording may begin within a packet.
        begin = first_position % packet_bytes
        return begin < first_position and self._is_ts_broken(packet_bytes, first, begin, 0, first_position)

    def _is_riff_start_broken(self, first_position: int) -> bool:
        movi = self._read(0, MAX_AVI_HEADER_BYTES).find(RIFF_FILM)
        return movi < 0 or self._is_riff_broken(movi + len(RIFF_FILM), 0, first_position)

    def _is_flv_start_broken(self, first_position: int) -> bool:
        """From the file's header on, each tag says its size twice."""
        at = int.from_bytes(self._read(FLV_HEADER_SIZE_AT, 4), "big") + FLV_PREVIOUS_BYTES
        while at < first_position:
            header = self._read(at, FLV_TAG_HEADER_BYTES)
            if len(header) < FLV_TAG_HEADER_BYTES or header[0] not in FLV_TAGS:
                return True
            tag_bytes = FLV_TAG_HEADER_BYTES + int.from_bytes(header[1:4], "big")
            if int.from_bytes(self._read(at + tag_bytes, FLV_PREVIOUS_BYTES), "big") != tag_bytes:
                return True
            at += tag_bytes + FLV_PREVIOUS_BYTES
        return at != first_position

    def _is_ebml_start_broken(self, first_position: int) -> bool:
        """From the file's first byte on, one element follows the other up to the first packet's block."""
        at = 0
        while at < first_position:
            element = _element(self._read(at, EBML_HEADER_BYTES))
            if element is None:
                return True
            name, length, header_bytes = element
            at += header_bytes
            if name in EBML_BLOCKS and at == first_position:
                return False
            if name not in EBML_MASTERS and name != EBML_SEGMENT:
                at += length
        return True

    def _is_ts_broken(self, packet_bytes: int, first: int, position: int, _size: int, following: int) -> bool:
        """Every packet of a transport stream has the sync byte as its `first`."""
        if (following - position) % packet_bytes:
            return True
        syncs = self._read(position + first, following - position)[::packet_bytes]
        return syncs.count(TS_SYNC) != len(syncs)

    def _is_riff_broken(self, position: int, size: int, following: int) -> bool:
        """The picture's chunk and those after it follow each other up to the next one's, and none is a picture's."""
        pictures = self._read(following - RIFF_HEADER_BYTES, 4)
        at = position + size + size % 2
        while at < following - RIFF_HEADER_BYTES:
            header = self._read(at, RIFF_HEADER_BYTES)
            if len(header) < RIFF_HEADER_BYTES or not header[:4].isalnum():
                return True
            is_list = header[:4] in RIFF_LISTS
            length = int.from_bytes(header[4:], "little")
            if header[:4] == pictures and length:
                return True
            at += RIFF_LIST_HEADER_BYTES if is_list else RIFF_HEADER_BYTES + length + length % 2
        return at != following - RIFF_HEADER_BYTES

    def _is_ebml_broken(self, position: int, size: int, following: int) -> bool:
        """After the picture's block, one element follows the other up to the next one's block."""
        at = position + BLOCK_HEADER_BYTES + size
        while at < following:
            header = self._read(at, EBML_HEADER_BYTES)
            element = _element(header)
            if element is None:
                return True
            name, length, header_bytes = element
            if not (name in EBML_MASTERS or name in EBML_BLOCKS or name in EBML_OTHERS):
                return True
            at += header_bytes
            if name in EBML_BLOCKS and at == following:
                return False
            if name not in EBML_MASTERS:
                at += length
        return True

    def _read(self, position: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, position)


def _element(header: bytes) -> tuple[int, int, int] | None:
    """ID and length of the EBML element that begins so, and the size of its header; None when it is none."""
    id_bytes = _vint_bytes(header, 4)
    if not id_bytes:
        return None
    size_bytes = _vint_bytes(header[id_bytes:], 8)
    name = int.from_bytes(header[:id_bytes], "big")
    if not size_bytes:
        return None
    coded = int.from_bytes(header[id_bytes : id_bytes + size_bytes], "big")
    return name, coded & ((1 << 7 * size_bytes) - 1), id_bytes + size_bytes


def _vint_bytes(coded: bytes, most: int) -> int:
    """Of the number of variable size that begins so; 0 when there is none."""
    size = 9 - coded[0].bit_length() if coded else 0
    return size if size <= min(most, len(coded)) else 0
