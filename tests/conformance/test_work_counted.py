"""What an extraction does, in counts instead of seconds: the same on a busy machine as on a quiet one."""

from __future__ import annotations

import resource
from collections.abc import Generator, Iterable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from frame_extractor.workers.pool import Event, WorkerPool
from frame_extractor.workers.tasks import Task, Written
from tests.conformance import extraction
from tests.conformance.extraction import extract
from tests.harness.films import FilmPlan, drawn_frames

PLAN = FilmPlan(fps=4, n_frames=384, cuts=(40, 96, 150, 200, 231, 290, 340), size=(256, 144))
"""96 s, a dozen spans of few frames each."""
SIZE = (1280, 720)
"""Pictures of megabytes: small ones would show nothing."""
MAX_FAULTS_PER_FRAME = 400
"""Pages that the kernel gives the worker for each frame it decodes, those of its start among them.

210 of this film, 685 when memory went back after every span. How far decord decodes ahead depends on the machine:
a chunk at most, which is 100 more.
"""
MAX_DECODED_PER_FRAME = 1.1
MAX_WRITTEN_PER_IMAGE = 2.2
"""Loosely: the ends of spans are guesses, and this film has many."""


class CountingPool(WorkerPool):
    """Counts the images that its workers write."""

    n_written = 0

    def run(self, tasks: Iterable[Task]) -> Generator[tuple[int, Event]]:
        for number, event in super().run(tasks):
            if isinstance(event, Written) and event.path is not None:
                CountingPool.n_written += 1
            yield number, event


def write_large(path: Path) -> Path:
    """The film in 720p: drawn small and scaled up, which is quicker than drawing it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=PLAN.fps, options={"preset": "ultrafast", "g": "16", "bf": "2"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for nth, rgb in enumerate(drawn_frames(PLAN)):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(*SIZE, format="yuv420p")
            picture.pts, picture.time_base = nth, Fraction(1, PLAN.fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_no_work_is_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is kept from span to span, few frames are decoded again, few images are written for nothing."""
    monkeypatch.setattr(CountingPool, "n_written", 0)
    monkeypatch.setattr(extraction, "WorkerPool", CountingPool)
    film = write_large(tmp_path / "film.mp4")
    faults_before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    result = extract(film, tmp_path / "temp", workers=1).result
    n_faults = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - faults_before
    n_sampled = result.decoded_frames - result.repaired_frames
    assert n_faults / n_sampled <= MAX_FAULTS_PER_FRAME
    assert result.decoded_frames / n_sampled <= MAX_DECODED_PER_FRAME
    assert CountingPool.n_written / result.images <= MAX_WRITTEN_PER_IMAGE
