"""Chunks to spans: what one worker scans in one go.

Longer than a chunk, so that few shots are cut in two; cut by the film alone, so that the number of workers changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from frame_extractor.reading.chunk import Chunk

SPANS_OF_A_FILM = 64
MIN_SPAN_S = 8.0
MAX_SPAN_S = 60.0
MAX_LENGTH_FACTOR = 1.5
"""A span waits this many times its usual length for a key frame that looks like a scene cut."""
MAX_SPAN_BYTES = 48 << 20


@dataclass(frozen=True)
class Span:
    """Consecutive chunks of a film."""

    number: int
    chunks: tuple[Chunk, ...]
    starts_like_a_cut: bool
    ends_like_a_cut: bool

    @property
    def first_frame(self) -> int:
        """Index of the first frame that belongs to it."""
        return self.chunks[0].first_frame

    def delete_stored(self) -> None:
        """Its stored bytes are deleted."""
        for chunk in self.chunks:
            if chunk.stored_at is not None:
                chunk.stored_at.unlink(missing_ok=True)

    @property
    def start_s(self) -> float:
        """Film time at which its first frame begins."""
        return self.chunks[0].start_s

    @property
    def end_s(self) -> float:
        """Film time at which its last frame ends."""
        return self.chunks[-1].end_s

    @property
    def n_frames(self) -> int:
        """Frames of the film in it, sampled or not."""
        return sum(chunk.n_frames for chunk in self.chunks)


def spans_of(chunks: Iterable[Chunk], duration_s: float) -> Iterator[Span]:
    """All chunks of a film, in spans; `duration_s` is what the container says, or 0."""
    usual_s = min(max(duration_s / SPANS_OF_A_FILM, MIN_SPAN_S), MAX_SPAN_S)
    number = 0
    running: list[Chunk] = []
    for chunk in chunks:
        if running and _ends(running, chunk, usual_s):
            yield Span(number, tuple(running), running[0].starts_like_a_cut, chunk.starts_like_a_cut)
            number += 1
            running = []
        running.append(chunk)
    if running:
        yield Span(number, tuple(running), running[0].starts_like_a_cut, ends_like_a_cut=True)


def _ends(running: list[Chunk], following: Chunk, usual_s: float) -> bool:
    seconds = running[-1].end_s - running[0].start_s
    if sum(chunk.n_bytes for chunk in running) + following.n_bytes > MAX_SPAN_BYTES:
        return True
    return seconds >= (usual_s if following.starts_like_a_cut else MAX_LENGTH_FACTOR * usual_s)
