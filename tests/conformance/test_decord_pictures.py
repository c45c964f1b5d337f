"""Pictures that are read with decord are the memory that its decoder made: they stay right, and they go."""

from __future__ import annotations

import gc
from pathlib import Path

import decord
import numpy as np
import pytest

from frame_extractor.contract.settings import Sampling
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film, open_film
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.workers.worker_memory import resident_bytes
from tests.harness.films import FilmPlan, read_barcode, write_film

N_FRAMES = 1000
HELD_AT_ONCE = 24
"""More than a decoder has ready, so that what it gets back it uses again."""


def chunk_of(path: Path, size: tuple[int, int]) -> tuple[Film, Chunk]:
    plan = FilmPlan(size=size, n_frames=48, cuts=(), options={"x264-params": "keyint=48:bframes=2"})
    film = open_film(write_film(path, plan))
    return film, next(read_chunks(film, Sampling.EXACT))


@pytest.mark.parametrize("size", [(320, 192), (322, 182)], ids=["even", "rows of an odd length"])
def test_pictures_outlive_their_reader_and_are_read_only(tmp_path: Path, size: tuple[int, int]) -> None:
    """Held while the decoder goes on, and after it is gone, they are what decord's own copies are."""
    film, chunk = chunk_of(tmp_path / "film.mp4", size)
    frames = list(DecordReader().read(film, chunk))
    gc.collect()
    overwriting = [frame.pixels + 1 for frame in frames]
    (tmp_path / "chunk.mkv").write_bytes(chunk.matroska)
    copies = decord.VideoReader(str(tmp_path / "chunk.mkv"), num_threads=1)
    assert len(frames) == len(copies) == len(overwriting)
    for frame in frames:
        assert np.array_equal(frame.pixels, copies.next().asnumpy())
        assert read_barcode(frame.pixels) == frame.index
        assert not frame.pixels.flags.writeable


def test_pictures_leave_no_memory_behind(tmp_path: Path) -> None:
    """A thousand of them, by many readers, some held over the end of theirs."""
    film, chunk = chunk_of(tmp_path / "film.mp4", (640, 360))
    held: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
    n_read = 0
    warm_bytes = 0
    while n_read < N_FRAMES:
        for frame in DecordReader().read(film, chunk):
            held = [*held[-HELD_AT_ONCE:], frame.pixels]
            n_read += 1
        warm_bytes = warm_bytes or (resident_bytes() if n_read >= N_FRAMES // 4 else 0)
    assert resident_bytes() - warm_bytes < 2 * HELD_AT_ONCE * held[0].nbytes
