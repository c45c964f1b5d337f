"""Every reader gives every frame of every film once, in order, at its time: or says that it does not.

The films are made here; each frame says which one it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from frame_extractor.contract.settings import Sampling
from frame_extractor.errors import ReadFailed
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film, open_film
from frame_extractor.reading.readers import Frame, FrameReader
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.reading.readers.pyav import PyavReader
from tests.conformance.pairs import CARRIED, CODECS, FILMS, H264, HEVC, FilmMaker, frames_of, plan_of
from tests.harness.films import FilmPlan, read_barcode

MakeFilm = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> MakeFilm:
    """The film of a container, a codec and a timing, made once."""
    return FilmMaker(tmp_path_factory.mktemp("films")).make


@pytest.fixture(scope="module")
def made(make: MakeFilm) -> Callable[[str, str], Film]:
    """The same with even times, opened."""
    return lambda container, codec: open_film(make(container, codec))


def assert_exact(frames: list[Frame], plan: FilmPlan, *, tolerance_s: float) -> None:
    """Zero wrong, zero missing, zero doubled; times right."""
    assert [frame.index for frame in frames] == [read_barcode(frame.pixels) for frame in frames]
    assert [frame.index for frame in frames] == list(range(plan.n_frames))
    assert np.abs(np.array([frame.time_s for frame in frames]) - plan.times_s).max() <= tolerance_s


@pytest.mark.parametrize(("container", "codec", "timing"), FILMS)
def test_every_frame_comes_once_in_order_at_its_time(make: MakeFilm, container: str, codec: str, timing: str) -> None:
    """Whatever the container and the codec; also frames of varying length, and a first timestamp that is minutes."""
    film = open_film(make(container, codec, timing))
    assert_exact(list(frames_of(film)), plan_of(codec, timing), tolerance_s=0.0011)


@pytest.mark.parametrize("reader", [DecordReader(), PyavReader()], ids=lambda reader: reader.name)
@pytest.mark.parametrize("codec", CARRIED["mkv"])
def test_a_reader_is_exact_or_says_that_it_failed(
    made: Callable[[str, str], Film], reader: FrameReader, codec: str
) -> None:
    """Never a wrong frame, with either sampling."""
    film = made("mkv", codec)
    for sampling in Sampling:
        n_read = 0
        for chunk in read_chunks(film, sampling):
            try:
                frames = list(reader.read(film, chunk))
            except ReadFailed:
                continue
            n_read += 1
            assert [(frame.index, frame.time_s) for frame in frames] == chunk.samples
            assert [read_barcode(frame.pixels) for frame in frames] == [frame.index for frame in frames]
        assert n_read


@pytest.mark.parametrize("codec", CARRIED["mkv"])
def test_readers_agree_on_pixels(made: Callable[[str, str], Film], codec: str) -> None:
    """One colour rule: a chunk that falls back has the same colours."""
    film = made("mkv", codec)
    chunk = next(read_chunks(film, Sampling.EXACT))
    by_decord, by_pyav = DecordReader().read(film, chunk), PyavReader().read(film, chunk)
    for ours, theirs in itertools.islice(zip(by_decord, by_pyav, strict=True), 0, None, 8):
        assert np.abs(ours.pixels.astype(int) - theirs.pixels).mean() < 2.0


@pytest.mark.parametrize("codec", [*H264, *HEVC])
def test_reference_sampling_leaves_out_only_what_nothing_refers_to(
    made: Callable[[str, str], Film], codec: str
) -> None:
    """What is decoded has its own picture, index and time; a film with B-frames gets shorter."""
    plan = CODECS[codec]
    film = made("mp4", codec)
    exact = {frame.index: frame.pixels for frame in frames_of(film)}
    sampled = list(frames_of(film, Sampling.REFERENCE))
    assert [frame.index for frame in sampled] == [read_barcode(frame.pixels) for frame in sampled]
    assert all(np.array_equal(frame.pixels, exact[frame.index]) for frame in sampled)
    assert all(abs(frame.time_s - plan.times_s[frame.index]) < 0.0011 for frame in sampled)
    if codec != "h264-no-b":
        assert len(sampled) < 0.8 * plan.n_frames
