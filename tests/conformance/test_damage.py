"""Damage that a decoder hides: the picture is patched up from its neighbours, and nothing raises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from frame_extractor.contract.settings import ExtractionSettings, Sampling
from frame_extractor.errors import ReadFailed
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film, open_film
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.reading.readers.pyav import PyavReader
from frame_extractor.reading.readers.whole import read_whole
from tests.conformance.damaged_film import GOP, H264, ONE_THREAD, with_damage
from tests.conformance.extraction import LONG, extract, frame_of
from tests.conformance.pairs import CODECS, frames_of
from tests.harness.films import FilmPlan, write_film


def untrue(film: Film, sound: Path) -> list[int]:
    """Frames that differ from those of the undamaged film."""
    true = {round(frame.time_s, 2): frame.pixels.astype(int) for frame in frames_of(open_film(sound))}
    return [
        frame.index for frame in frames_of(film) if np.abs(true[round(frame.time_s, 2)] - frame.pixels).mean() > 0.5
    ]


@pytest.mark.parametrize(
    ("plan", "container"),
    [
        pytest.param(H264, "mp4", id="h264"),
        pytest.param(replace(H264, options={"x264-params": f"{ONE_THREAD}:cabac=0"}), "mp4", id="h264-cavlc"),
        pytest.param(replace(H264, options={"x264-params": f"{ONE_THREAD}:open-gop=1"}), "mp4", id="h264-open"),
        pytest.param(replace(CODECS["mpeg2"], options={"g": "24", "bf": "2", "b": "3M"}), "mp4", id="mpeg2"),
    ],
)
def test_patched_up_pictures_are_left_out_and_no_others(tmp_path: Path, plan: FilmPlan, container: str) -> None:
    """From the damaged picture to the next key frame: everything before and behind is there, and true."""
    sound = write_film(tmp_path / f"film.{container}", plan)
    first, damaged = with_damage(sound, GOP + 9)
    film = open_film(damaged)
    given = [frame.index for frame in frames_of(film)]
    missing = sorted(set(range(plan.n_frames)) - set(given))
    assert given == sorted(set(given))
    assert first in missing
    assert GOP < missing[0] <= first
    assert missing[-1] < 2 * GOP
    assert untrue(film, sound) == []


def test_decord_owns_up_to_pictures_that_its_decoder_patched_up(tmp_path: Path) -> None:
    """It gives every frame of the damaged chunk, at its time, without an error; only the log says so."""
    _, damaged = with_damage(write_film(tmp_path / "film.mp4", H264), GOP + 9)
    film = open_film(damaged)
    failed = []
    for chunk in read_chunks(film, Sampling.EXACT):
        try:
            list(DecordReader().read(film, chunk))
        except ReadFailed as failure:
            failed.append(str(failure))
    assert len(failed) == 1
    assert "concealed" in failed[0]


def test_a_reader_that_listens_leaves_standard_error_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also when it is broken off in the middle of a chunk; what the decoder says does not come through."""
    _, damaged = with_damage(write_film(tmp_path / "film.mp4", H264), GOP + 9)
    film = open_film(damaged)
    chunk = next(read_chunks(film, Sampling.EXACT))
    for reader in (DecordReader(), PyavReader()):
        frames: Iterator[object] = reader.read(film, chunk)
        next(frames)
        del frames
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


@pytest.mark.parametrize("codec", ["mpeg4-b", "mpeg2"])
def test_a_film_that_is_read_whole_loses_what_is_patched_up(tmp_path: Path, codec: str) -> None:
    """In an AVI too, and the frames behind the damage keep their times."""
    plan = replace(CODECS[codec], options={**CODECS[codec].options, "g": "24"})
    sound = write_film(tmp_path / "film.avi", plan)
    first, damaged = with_damage(sound, GOP + 9)
    film = open_film(damaged)
    times_s = [frame.time_s for frame in read_whole(film)]
    assert first / plan.fps not in [pytest.approx(time_s, abs=0.001) for time_s in times_s]
    assert times_s[-1] == pytest.approx(plan.times_s[-1], abs=0.001)
    assert plan.n_frames - GOP < len(times_s) < plan.n_frames
    assert untrue(film, sound) == []


def test_a_film_that_is_read_whole_says_how_far_the_damage_at_its_end_goes(tmp_path: Path) -> None:
    """There is no key frame after it."""
    plan = replace(CODECS["mpeg2"], options={"g": "24", "b": "3M"})
    _, damaged = with_damage(write_film(tmp_path / "film.avi", plan), 3 * GOP + 9)
    ends_s: list[float] = []
    frames = list(read_whole(open_film(damaged), on_damaged_end=ends_s.append))
    assert frames[-1].time_s < ends_s[0]
    assert ends_s == [pytest.approx(plan.times_s[-1], abs=0.001)]


def test_patched_up_pictures_become_a_failed_range_and_no_image(tmp_path: Path) -> None:
    """Through the whole pipeline: what is lost is reported, and lies between the damage and the next key frame."""
    plan = replace(LONG, options={"x264-params": ONE_THREAD, "crf": "18"})
    first, damaged = with_damage(write_film(tmp_path / "film.mp4", plan), 5 * GOP + 9)
    outcome = extract(damaged, tmp_path / "temp", settings=ExtractionSettings(max_failed_fraction=1.0))
    (failed,) = outcome.result.failed_ranges
    assert 5 * GOP <= round(failed.start_s * plan.fps) <= first
    assert failed.end_s == pytest.approx(6 * GOP / plan.fps, abs=0.001)
    assert not [name for name in outcome.images if failed.start_s <= frame_of(name) / plan.fps < failed.end_s]
    assert all(frame_of(name) == shown for name, shown in outcome.frames.items())
    assert outcome.result.chunks_read_by["pyav"] == 1
