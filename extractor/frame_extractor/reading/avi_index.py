"""The index of an AVI against its pictures: which picture of the film each is, after a gap.

An AVI holds no times: its nth picture is shown at the nth tick. Where some are missing, only the index at its end
still knows how many there were.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av

TAIL_BYTES: Final = 64 << 20
"""The index lies in the last part of the file."""
CHUNK_HEADER_BYTES: Final = 8
ENTRY: Final = struct.Struct("<4sIII")
"""Chunk ID, flags, offset, size."""
PROOF_PACKETS: Final = 3
"""How many packets of a run must fit the index, in place and size; all when there are fewer."""


@dataclass(frozen=True)
class Entry:
    """One picture that the index names."""

    number: int
    """Among those of the stream that are not empty."""
    tick: int
    """When it is decoded, in ticks of the stream."""
    position: int
    """Of its chunk; of an `idx1` from wherever it counts."""
    size: int


def index_entries(path: Path, stream: av.VideoStream) -> list[Entry]:
    """Of the picture stream, in order: as FFmpeg has read them, or else from the `idx1` at the end of the file."""
    read = [entry for entry in stream.index_entries if entry.size]
    by_demuxer = [Entry(number, entry.timestamp, entry.pos, entry.size) for number, entry in enumerate(read)]
    own = list(_numbered(_idx1(path), stream.index))
    return own if len(own) >= len(by_demuxer) else by_demuxer


def _idx1(path: Path) -> bytes:
    with path.open("rb") as film:
        size = film.seek(0, 2)
        film.seek(max(0, size - TAIL_BYTES))
        tail = film.read()
    at = tail.rfind(b"idx1")
    if at < 0:
        return b""
    length = int.from_bytes(tail[at + 4 : at + 8], "little")
    entries = tail[at + CHUNK_HEADER_BYTES : at + CHUNK_HEADER_BYTES + length]
    return entries[: len(entries) // ENTRY.size * ENTRY.size]


def _numbered(idx1: bytes, stream_index: int) -> Iterator[Entry]:
    numbers, ticks = itertools.count(), itertools.count()
    ids = {b"%02d%s" % (stream_index, kind) for kind in (b"dc", b"db")}
    for chunk_id, _, offset, size in ENTRY.iter_unpack(idx1):
        if chunk_id in ids:
            tick = next(ticks)
            if size:
                yield Entry(next(numbers), tick, offset, size)


def placed(entries: Sequence[Entry], packets: Sequence[tuple[int, int]], breaks: Sequence[int]) -> list[Entry | None]:
    """Which entry each packet is; None where that cannot be said, or where it is not in its place.

    `packets`: position of the data and size of each. `breaks`: ordinals of those before which the file is broken.
    """
    edges = [0, *sorted({at for at in breaks if 0 < at < len(packets)}), len(packets)]
    runs = [_placed_run(entries, packets[start:end]) for start, end in itertools.pairwise(edges)]
    for nth, run in enumerate(runs):
        if any(_contradicts(run, other, is_later=later > nth) for later, other in enumerate(runs) if later != nth):
            runs[nth] = [None] * len(run)
    return [entry for run in runs for entry in run]


def _placed_run(entries: Sequence[Entry], packets: Sequence[tuple[int, int]]) -> list[Entry | None]:
    """The same of packets that follow each other without a break: the index is off by one distance for all of them."""
    at = {entry.position: entry for entry in entries}
    # The first packet of a run may be what is left of a damaged one, the last one as well.
    for first in packets[:PROOF_PACKETS]:
        for candidate in entries:
            if candidate.size != first[1]:
                continue
            shift = candidate.position - first[0]
            found = [_fitting(at.get(position + shift), size) for position, size in packets]
            if sum(entry is not None for entry in found) >= min(PROOF_PACKETS, len(packets)):
                return found
    return [None] * len(packets)


def _fitting(entry: Entry | None, size: int) -> Entry | None:
    return entry if entry is not None and entry.size == size else None


def _contradicts(run: Sequence[Entry | None], other: Sequence[Entry | None], *, is_later: bool) -> bool:
    """Whether a longer run says that this one is not in its place."""
    ours, theirs = ([entry.number for entry in each if entry is not None] for each in (run, other))
    if not ours or len(theirs) <= len(ours):
        return False
    return ours[-1] >= theirs[0] if is_later else ours[0] <= theirs[-1]
