"""The chunks that a part of a film needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from frame_extractor.reading.chunk import NOT_SHOWN, Chunk
from frame_extractor.reading.film_range import FilmRange


def chunks_in_range(chunks: Iterable[Chunk], film_range: FilmRange) -> Iterator[Chunk]:
    """Those with samples in the range; what they show outside it is only there for others to refer to.

    Reads on no further than the range's end. Film that is missing in the range stays known.
    """
    if film_range.is_all:
        yield from chunks
        return
    last: Chunk | None = None
    for chunk in chunks:
        lost_before = film_range.clip(chunk.lost_before)
        cut = _cut(chunk, film_range, is_first=last is None)
        if cut is None:
            if last is not None and lost_before is not None:
                last = replace(last, lost_after=lost_before)
            if chunk.start_s >= film_range.end_s:
                break
            continue
        if last is not None:
            yield last
        last = cut
    if last is not None:
        yield last


def _cut(chunk: Chunk, film_range: FilmRange, *, is_first: bool) -> Chunk | None:
    """None when no sample of it lies in the range."""
    pictures = list(zip(chunk.frame_indices, chunk.times_s, strict=True))
    n_before = sum(index != NOT_SHOWN and time_s < film_range.start_s for index, time_s in pictures)
    indices = tuple(index if time_s in film_range else NOT_SHOWN for index, time_s in pictures)
    if all(index == NOT_SHOWN for index in indices):
        return None
    return replace(
        chunk,
        frame_indices=indices,
        first_sample=chunk.first_sample + n_before,
        start_s=max(chunk.start_s, film_range.start_s),
        end_s=min(chunk.end_s, film_range.end_s),
        starts_like_a_cut=chunk.starts_like_a_cut or is_first,
        lost_before=film_range.clip(chunk.lost_before),
        lost_after=film_range.clip(chunk.lost_after),
    )
