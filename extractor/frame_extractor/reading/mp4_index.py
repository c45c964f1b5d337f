"""Whether the tables of an MP4 or MOV that say when each picture is shown are as a muxer writes them.

FFmpeg skips what makes no sense in them and gives the pictures other times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

HEADER_BYTES: Final = 8
LARGE_HEADER_BYTES: Final = 16
MAX_BOXES: Final = 100_000
MAX_MOOV_BYTES: Final = 256 << 20
TABLE_HEADER_BYTES: Final = 8
"""Of `stts` and `ctts`: version and flags, number of entries. Each entry is a number of pictures and a time."""
ENTRY_BYTES: Final = 8
EMPTY_ENTRIES: Final = bytes(4 * ENTRY_BYTES)
"""No muxer writes this many entries for no picture."""
TIME_TABLES: Final = (b"stts", b"ctts")
TO_TABLES: Final = (b"trak", b"mdia", b"minf", b"stbl")


def is_damaged(path: Path) -> bool:
    """Whether a table of times holds a region of zeros, or does not fit into its place. Raises OSError."""
    with path.open("rb") as film:
        moov = _moov(film)
    return any(_is_table_damaged(table) for table in _tables(moov))


def _moov(film: BinaryIO) -> bytes:
    size = film.seek(0, 2)
    at = 0
    for _ in range(MAX_BOXES):
        if at + HEADER_BYTES > size:
            break
        film.seek(at)
        header = film.read(LARGE_HEADER_BYTES)
        length = int.from_bytes(header[:4], "big")
        name = header[4:8]
        header_bytes = HEADER_BYTES
        if length == 1:
            length, header_bytes = int.from_bytes(header[8:16], "big"), LARGE_HEADER_BYTES
        if name == b"moov" and length <= MAX_MOOV_BYTES:
            film.seek(at + header_bytes)
            return film.read(length - header_bytes)
        if length < header_bytes:
            break
        at += length
    return b""


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box in a box."""
    at = 0
    while at + HEADER_BYTES <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if length < HEADER_BYTES:
            return
        yield content[at + 4 : at + 8], content[at + HEADER_BYTES : at + length]
        at += length


def _tables(content: bytes) -> Iterator[bytes]:
    for name, inside in _boxes(content):
        if name in TO_TABLES:
            yield from _tables(inside)
        elif name in TIME_TABLES:
            yield inside


def _is_table_damaged(table: bytes) -> bool:
    entries = table[TABLE_HEADER_BYTES:]
    n_entries = int.from_bytes(table[4:8], "big")
    if n_entries * ENTRY_BYTES > len(entries):
        return True
    entries = entries[: n_entries * ENTRY_BYTES]
    return EMPTY_ENTRIES in entries
