"""Every reader gives every frame of every film once, in order, at its time: or says that it does not.

The films are made here; each frame says which one it is.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from frame_extractor.contract import Sampling
from frame_extractor.demux import read_chunks, why_whole
from frame_extractor.errors import NeedsWholeFilm, ReadFailed
from frame_extractor.film import Film, open_film
from frame_extractor.readers import Frame, FrameReader
from frame_extractor.readers.decord import DecordReader
from frame_extractor.readers.fallback import READERS
from frame_extractor.readers.pyav import PyavReader, read_whole
from tests.films import FilmPlan, read_barcode, write_film

X264 = "keyint=24:min-keyint=24:scenecut=0:bframes=3:threads=1"
X265 = "log-level=none:keyint=24:min-keyint=24:scenecut=0:bframes=4"
CODECS: dict[str, FilmPlan] = {
    "h264-closed": FilmPlan(options={"x264-params": f"{X264}:open-gop=0:b-pyramid=none"}),
    "h264-pyramid": FilmPlan(options={"x264-params": f"{X264}:open-gop=0:b-pyramid=normal"}),
    "h264-open": FilmPlan(options={"x264-params": f"{X264}:open-gop=1:b-pyramid=none"}),
    "h264-open-pyramid": FilmPlan(options={"x264-params": f"{X264}:open-gop=1:b-pyramid=normal"}),
    "h264-no-b": FilmPlan(options={"x264-params": "keyint=24:bframes=0"}),
    "hevc-default": FilmPlan(codec="libx265", options={"x265-params": X265}),
    "hevc-closed-pyramid": FilmPlan(codec="libx265", options={"x265-params": f"{X265}:open-gop=0:b-pyramid=1"}),
    "hevc-10bit": FilmPlan(codec="libx265", options={"x265-params": X265}, pix_fmt="yuv420p10le"),
    "hevc-layers": FilmPlan(codec="libx265", options={"x265-params": f"{X265}:temporal-layers=3"}),
    "mpeg2": FilmPlan(codec="mpeg2video", options={"g": "12", "bf": "2", "b": "3M"}),
    "mpeg4-b": FilmPlan(codec="mpeg4", options={"g": "12", "bf": "2", "b": "3M"}),
    "vp9": FilmPlan(codec="libvpx-vp9", options={"g": "24", "deadline": "realtime", "cpu-used": "8"}),
    "av1": FilmPlan(codec="libsvtav1", options={"g": "24", "preset": "8", "crf": "12"}),
    "wmv2": FilmPlan(codec="wmv2", options={"g": "12", "b": "3M"}),
    "flv1": FilmPlan(codec="flv", options={"g": "12", "b": "3M"}),
}
H264 = [name for name in CODECS if name.startswith("h264")]
HEVC = [name for name in CODECS if name.startswith("hevc")]
CARRIED: dict[str, list[str]] = {
    "mkv": [name for name in CODECS if name not in {"wmv2", "flv1"}],
    "mp4": [*H264, *HEVC, "mpeg2", "mpeg4-b", "vp9", "av1"],
    "mov": [*H264, *HEVC, "mpeg2", "mpeg4-b"],
    "flv": [*H264, "flv1"],
    "ts": [*H264, *HEVC, "mpeg2"],
    "m2ts": [*H264, *HEVC, "mpeg2"],
    "avi": [*H264, "mpeg2", "mpeg4-b", "wmv2", "flv1"],
}
PAIRS = [(container, codec) for container, codecs in CARRIED.items() for codec in codecs]
KEEPS_TIMES = ["mkv", "mp4", "mov", "ts", "m2ts"]
MakeFilm = Callable[[str, str], Film]
UNEVEN = [
    # MPEG-2 video has frame rates, not times: it is never uneven.
    *[(codec, True, start_s) for codec in ("h264-open-pyramid", "hevc-default") for start_s in (0.0, 3.7)],
    *[(codec, False, 700.0) for codec in ("h264-open-pyramid", "hevc-default", "mpeg2")],
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MakeFilm:
    """The film of a container and a codec, made once."""
    folder = tmp_path_factory.mktemp("films")

    @functools.cache
    def make(container: str, codec: str) -> Film:
        return open_film(write_film(folder / f"{codec}.{container}", CODECS[codec]))

    return make


def frames_of(film: Film, sampling: Sampling = Sampling.EXACT) -> Iterator[Frame]:
    """All frames of a film, the way the engine reads it."""
    try:
        if why_whole(film) is None:
            return iter(list(_in_chunks(film, sampling)))
    except NeedsWholeFilm:
        pass
    return read_whole(film)


def _in_chunks(film: Film, sampling: Sampling) -> Iterator[Frame]:
    for chunk in read_chunks(film, sampling):
        for reader in READERS.values():
            try:
                frames = list(reader.read(film, chunk))
            except ReadFailed:
                continue
            yield from frames
            break


def assert_exact(frames: list[Frame], plan: FilmPlan, *, tolerance_s: float) -> None:
    """Zero wrong, zero missing, zero doubled; times right."""
    assert [frame.index for frame in frames] == [read_barcode(frame.pixels) for frame in frames]
    assert [frame.index for frame in frames] == list(range(plan.n_frames))
    assert np.abs(np.array([frame.time_s for frame in frames]) - plan.times_s).max() <= tolerance_s


@pytest.mark.parametrize(("container", "codec"), PAIRS)
def test_every_frame_comes_once_in_order_at_its_time(made: MakeFilm, container: str, codec: str) -> None:
    """Whatever the container and the codec."""
    assert_exact(list(frames_of(made(container, codec))), CODECS[codec], tolerance_s=0.0011)


@pytest.mark.parametrize(("codec", "is_vfr", "start_s"), UNEVEN)
@pytest.mark.parametrize("container", KEEPS_TIMES)
def test_uneven_and_late_times_are_kept(
    tmp_path: Path, container: str, codec: str, is_vfr: bool, start_s: float
) -> None:
    """Frames of varying length; a first timestamp that is minutes, not 0."""
    plan = FilmPlan(codec=CODECS[codec].codec, options=CODECS[codec].options, is_vfr=is_vfr, start_s=start_s)
    film = open_film(write_film(tmp_path / f"film.{container}", plan))
    assert_exact(list(frames_of(film)), plan, tolerance_s=0.0011)


@pytest.mark.parametrize("reader", [DecordReader(), PyavReader()], ids=lambda reader: reader.name)
@pytest.mark.parametrize("codec", CARRIED["mkv"])
def test_a_reader_is_exact_or_says_that_it_failed(made: MakeFilm, reader: FrameReader, codec: str) -> None:
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
def test_readers_agree_on_pixels(made: MakeFilm, codec: str) -> None:
    """One colour rule: a chunk that falls back looks no different."""
    film = made("mkv", codec)
    chunk = next(read_chunks(film, Sampling.EXACT))
    by_decord, by_pyav = DecordReader().read(film, chunk), PyavReader().read(film, chunk)
    for ours, theirs in itertools.islice(zip(by_decord, by_pyav, strict=True), 0, None, 8):
        assert np.abs(ours.pixels.astype(int) - theirs.pixels).mean() < 2.0


@pytest.mark.parametrize("codec", [*H264, *HEVC])
def test_reference_sampling_leaves_out_only_what_nothing_refers_to(made: MakeFilm, codec: str) -> None:
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
