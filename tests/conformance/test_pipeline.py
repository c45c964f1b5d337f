"""A film through the whole pipeline, with real worker processes: the same images whatever happens on the way."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import signal
import threading
from pathlib import Path

import av
import psutil
import pytest

from frame_extractor.contract.settings import ExtractionSettings, Mode, Quality, Sampling
from frame_extractor.errors import NotAFilm, TooMuchFailed, WorkersKilled
from frame_extractor.pipeline.film_progress import FilmProgress
from frame_extractor.reading.film import open_film
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.pool import WorkerPool
from frame_extractor.workers.tasks import RepairTask
from tests.conformance.extraction import CUTS, LONG, Outcome, extract, frame_of, workers_of
from tests.harness.films import write_film


def test_shots_are_found_where_they_were_made(undisturbed: Outcome) -> None:
    """Every cut on its frame, and no other."""
    assert undisturbed.result.cuts == CUTS
    assert undisturbed.result.shots == len(CUTS) + 1
    assert undisturbed.result.source_frames == LONG.n_frames
    assert undisturbed.result.failed_ranges == ()


def test_every_image_shows_the_frame_it_is_named_for(undisturbed: Outcome) -> None:
    """Ten of each shot, and one every two seconds."""
    assert all(frame_of(name) == shown for name, shown in undisturbed.frames.items())
    of_scenes = [name for name in undisturbed.images if name.startswith("scene")]
    assert len(of_scenes) == 10 * (len(CUTS) + 1)
    assert len(undisturbed.images) == undisturbed.result.images
    assert undisturbed.sizes == {LONG.size}
    assert undisturbed.subsampling == {"4:2:0"}


def test_progress_never_goes_back(undisturbed: Outcome) -> None:
    """A bar that runs backwards is not believed again."""
    fractions = [progress.fraction for progress in undisturbed.progress]
    images = [progress.images for progress in undisturbed.progress]
    assert fractions == sorted(fractions)
    assert images == sorted(images)
    assert fractions[-1] <= 1.0


def test_progress_with_other_settings_is_of_the_images_that_are_missing(film: Path, tmp_path: Path) -> None:
    """The scan is no work, its scores being kept: no 95 % before the first image."""
    temp = tmp_path / "temp"
    extract(film, temp, settings=ExtractionSettings(mode=Mode.INTERVAL))
    temp.rmdir()
    again = extract(film, temp, settings=ExtractionSettings(mode=Mode.SCENE))
    assert again.result.kept_frames > 0
    n_images = len(again.images)
    fractions = [progress.fraction for progress in again.progress]
    assert fractions == sorted(fractions)
    shares = {progress.images: progress.fraction for progress in again.progress if progress.images}
    assert shares == {done: pytest.approx(done / n_images) for done in range(1, n_images + 1)}


def test_shots_are_reported_as_they_are_found(undisturbed: Outcome) -> None:
    """Never fewer than before, some before the film has ended, and each where the result has it in the end."""
    n_shots = [progress.shots for progress in undisturbed.progress]
    assert n_shots == sorted(n_shots)
    assert len(set(n_shots)) > 2
    starts = [0.0, *(cut / LONG.fps for cut in CUTS)]
    assert n_shots[-1] == undisturbed.result.shots == len(starts)
    for progress in undisturbed.progress:
        for shot in progress.last_shots:
            assert shot.start_s == pytest.approx(starts[shot.scene], abs=0.001)
    assert [shot.scene for shot in undisturbed.progress[-1].last_shots] == list(range(len(starts)))


def test_nothing_is_left_in_temp(film: Path, tmp_path: Path) -> None:
    """Images that were written on the way and are not wanted are gone."""
    extract(film, tmp_path / "temp")
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("workers", [1, 5])
def test_the_number_of_workers_changes_no_byte(film: Path, undisturbed: Outcome, tmp_path: Path, workers: int) -> None:
    """Names and bytes."""
    assert extract(film, tmp_path / "temp", workers=workers).images == undisturbed.images


def test_killed_workers_change_no_byte(film: Path, undisturbed: Outcome, tmp_path: Path) -> None:
    """Each loses what it was doing; the film does not notice."""
    killed: set[int] = set()

    def kill_one(_: FilmProgress) -> None:
        if len(killed) < 3:
            for child in workers_of(psutil.Process()):
                if child.pid not in killed:
                    os.kill(child.pid, signal.SIGKILL)
                    killed.add(child.pid)
                    return

    assert extract(film, tmp_path / "temp", on_progress=kill_one).images == undisturbed.images
    assert len(killed) == 3


def test_workers_that_are_killed_again_and_again_are_not_the_films_fault(film: Path, tmp_path: Path) -> None:
    """The kernel takes them when memory is short: the attempt ends, and may be tried again."""
    is_over = threading.Event()

    def kill_all() -> None:
        while not is_over.wait(0.05):
            for child in workers_of(psutil.Process()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        with pytest.raises(WorkersKilled, match="being killed"):
            extract(film, tmp_path / "temp")
    finally:
        is_over.set()
        killer.join()


def test_no_worker_outlives_an_extraction_that_is_broken_off(film: Path, tmp_path: Path) -> None:
    """Ctrl-C, a full disk: whatever raises in the runner."""

    class BrokenOff(Exception):
        pass

    def break_off(progress: FilmProgress) -> None:
        if progress.fraction > 0:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        extract(film, tmp_path / "temp", on_progress=break_off)
    assert workers_of(psutil.Process()) == []


def test_workers_that_say_nothing_do_not_keep_an_ending_waiting(film: Path, tmp_path: Path) -> None:
    """A signal's exception can be lost where C calls back; the pool asks again while it waits."""
    asked = itertools.count()

    def end_later() -> None:
        workers = workers_of(psutil.Process())
        for worker in workers:
            worker.suspend()
        if next(asked) > 2:
            raise InterruptedError

    with pytest.raises(InterruptedError), WorkerPool(WorkerGrant(2), end_later) as pool:
        list(pool.run([RepairTask(open_film(film), None, ExtractionSettings(), tmp_path, "pyav", frozenset({0}))]))
    assert workers_of(psutil.Process()) == []


def test_reference_and_exact_sampling_find_the_same_shots(film: Path, undisturbed: Outcome, tmp_path: Path) -> None:
    """Picks lie in the same shots; only exact sampling decodes everything."""
    exact = extract(film, tmp_path / "temp", settings=ExtractionSettings(sampling=Sampling.EXACT))
    assert exact.result.cuts == undisturbed.result.cuts
    assert exact.result.decoded_frames - exact.result.repaired_frames == LONG.n_frames
    assert undisturbed.result.decoded_frames < 0.8 * LONG.n_frames
    assert all(frame_of(name) == shown for name, shown in exact.frames.items())


@pytest.mark.parametrize(
    ("settings", "n_images"),
    [
        (ExtractionSettings(mode=Mode.INTERVAL, interval_seconds=4.0, quality=Quality.LOW), 8),
        (ExtractionSettings(mode=Mode.SCENE, frames_per_scene=3), 3 * (len(CUTS) + 1)),
        (ExtractionSettings(mode=Mode.SCENE, scene_threshold=255, frames_per_scene=7), 7),
    ],
)
def test_each_mode_gives_what_it_says(film: Path, tmp_path: Path, settings: ExtractionSettings, n_images: int) -> None:
    """A film in which no cut is found is one shot."""
    assert len(extract(film, tmp_path / "temp", settings=settings).images) == n_images


def test_a_film_that_cannot_be_cut_into_chunks_gives_the_same_frames(tmp_path: Path) -> None:
    """An AVI has no presentation times and is read whole."""
    film = write_film(tmp_path / "film.avi", LONG)
    outcome = extract(film, tmp_path / "temp")
    assert outcome.result.chunks_read_by == {"pyav": 1}
    assert outcome.result.cuts == CUTS
    assert all(frame_of(name) == shown for name, shown in outcome.frames.items())


def test_a_film_that_turns_out_to_need_reading_whole_begins_again(tmp_path: Path) -> None:
    """A packet late in the film has lost its time: the images so far do not count, and the workers start afresh."""
    film = write_film(tmp_path / "film.ts", dataclasses.replace(LONG, options={"x264-params": "keyint=15:bframes=0"}))
    content = bytearray(film.read_bytes())
    # The last tenth: the flags of every video PES header say that there are no times.
    at = len(content) * 9 // 10
    while (at := content.find(b"\x00\x00\x01\xe0", at)) >= 0:
        content[at + 7] &= 0x3F
        at += 4
    film.write_bytes(content)
    outcome = extract(film, tmp_path / "temp")
    assert outcome.result.chunks_read_by == {"pyav": 1}
    assert outcome.result.images == len(outcome.images) > 80
    assert all(frame_of(name) == shown for name, shown in outcome.frames.items() if name in outcome.images)
    fractions = [progress.fraction for progress in outcome.progress]
    assert fractions == sorted(fractions)


def test_damage_is_missing_and_reported_and_all_else_is_right(tmp_path: Path) -> None:
    """A key frame that does not decode: a failed range, no image of it, every other image true."""
    film = write_film(tmp_path / "film.mp4", LONG)
    with av.open(str(film)) as container:
        keys = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.is_keyframe and packet.size]
    position, size = keys[len(keys) // 2]
    assert position is not None
    with film.open("r+b") as file:
        file.seek(position)
        file.write(b"\xff" * size)
    outcome = extract(film, tmp_path / "temp", settings=ExtractionSettings(max_failed_fraction=1.0))
    assert outcome.result.failed_ranges
    assert all(0 < failed.start_s < failed.end_s < 32 for failed in outcome.result.failed_ranges)
    assert outcome.result.source_frames == LONG.n_frames
    assert len(outcome.images) > 60
    with pytest.raises(TooMuchFailed, match="cannot be decoded"):
        extract(film, tmp_path / "temp-2", settings=ExtractionSettings(max_failed_fraction=0.0001))


def test_blurred_frames_are_left_out_when_asked(film: Path, undisturbed: Outcome, tmp_path: Path) -> None:
    """Counted, not written."""
    outcome = extract(film, tmp_path / "temp", settings=ExtractionSettings(blur_threshold=1e9))
    assert outcome.images == {}
    assert outcome.result.rejected_blurry == undisturbed.result.images


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "empty"), (b"not a film\n", "text file"), (bytes(range(256)) * 64, "not a film")]
)
def test_what_is_no_film_says_so(tmp_path: Path, content: bytes, why: str) -> None:
    """The reason names what is there instead."""
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(NotAFilm, match=why):
        extract(path, tmp_path / "temp")
