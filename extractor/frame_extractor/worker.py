"""What a worker process does with one task: scan a stretch of film, or write the frames wanted of it.

Functions from a task to messages; `pool.py` moves both between processes. Chooses the reader, and falls back from
decord to PyAV where decord gives other than what the demuxer counted.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import cv2

from frame_extractor.contract import FailedRange, Quality
from frame_extractor.demux import NOT_SHOWN, Chunk
from frame_extractor.errors import ReadFailed
from frame_extractor.film import Film, Rgb
from frame_extractor.readers import Frame, FrameReader
from frame_extractor.readers.decord import DecordReader
from frame_extractor.readers.pyav import PyavReader, read_whole
from frame_extractor.score import Hsv, content_score, small_hsv
from frame_extractor.sinks.jpeg import write_jpeg

READERS: dict[str, FrameReader] = {reader.name: reader for reader in (DecordReader(), PyavReader())}
"""In the order in which they are tried."""

WHOLE_FILM_PART = 240
"""Frames of a film read whole that make one part of its scan."""


@dataclass(frozen=True)
class ScanTask:
    """Score every frame of a chunk, or of the whole film where there is no chunk."""

    film: Film
    chunk: Chunk | None
    reader: str = DecordReader.name
    """The reader to begin with."""


@dataclass(frozen=True)
class WriteTask:
    """Write the wanted frames of a chunk, or of the whole film where there is no chunk."""

    film: Film
    chunk: Chunk | None
    wanted: frozenset[int]
    """Frame indices."""
    folder: Path
    quality: Quality
    blur_threshold: float
    reader: str = DecordReader.name
    """The one that read the chunk when it was scanned: the same pictures again."""


Task = ScanTask | WriteTask
T = TypeVar("T")


@dataclass(frozen=True)
class ScanPart:
    """The scores of a run of frames, and what is needed to join it to its neighbours."""

    frame_indices: tuple[int, ...]
    times_s: tuple[float, ...]
    scores: tuple[float, ...]
    """Against the frame before in this part; the first, and any after missing film, is 0."""
    first: Hsv | None
    last: Hsv | None
    breaks: tuple[int, ...]
    """Positions in this part before which film is missing; its length when it is missing after its last frame."""
    failed: tuple[FailedRange, ...]
    end_s: float
    n_frames: int
    """Frames of the film in this stretch, also those left out or missing."""
    reader: str
    fell_back: str = ""
    """Why decord did not read it, if it was asked to."""
    stages_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """One frame has become a file, `path`; or was judged too blurred, and has not."""

    frame_index: int
    path: Path | None
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True)
class WriteDone:
    """The last message of a WriteTask."""

    n_decoded: int
    missing: tuple[int, ...]
    """Wanted frames that did not come this time."""
    stages_s: dict[str, float]


class Stopwatch:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items, their making counted as `name`."""
        items = iter(items)
        while True:
            with self.stage(name):
                item = next(items, None)
            if item is None:
                return
            yield item


def run_task(task: Task) -> Iterator[ScanPart | Written | WriteDone]:
    """What the task says to do. Raises OSError when a file cannot be written, or the film not be read."""
    if isinstance(task, ScanTask):
        yield from scan(task)
    else:
        yield from write(task)


def scan(task: ScanTask) -> Iterator[ScanPart]:
    """The parts of a scan, in order; a chunk has one."""
    if task.chunk is None:
        yield from _scan_whole(task.film)
    else:
        yield _scan_chunk(task.film, task.chunk, task.reader)


def _scan_chunk(film: Film, chunk: Chunk, first_reader: str) -> ScanPart:
    failures: list[str] = []
    names = list(READERS)
    for name in names[names.index(first_reader) :]:
        clock = Stopwatch()
        try:
            frames = clock.timed("decode", READERS[name].read(film, chunk))
            part = _score(frames, clock, reader=name, end_s=chunk.end_s, n_frames=chunk.n_frames)
        except ReadFailed as failure:
            failures.append(str(failure))
            continue
        return replace(_with_missing(part, chunk), fell_back="; ".join(failures))
    return unreadable_part(chunk, "; ".join(failures))


def unreadable_part(chunk: Chunk, reason: str) -> ScanPart:
    """The part of a chunk of which no reader got anything."""
    return ScanPart(
        frame_indices=(),
        times_s=(),
        scores=(),
        first=None,
        last=None,
        breaks=(0,),
        failed=(FailedRange(start_s=chunk.start_s, end_s=chunk.end_s, reason=reason),),
        end_s=chunk.end_s,
        n_frames=chunk.n_frames,
        reader="none",
        fell_back=reason,
    )


def _score(
    frames: Iterable[Frame],
    clock: Stopwatch,
    *,
    reader: str,
    since_s: float | None = None,
    end_s: float | None = None,
    n_frames: int | None = None,
) -> ScanPart:
    """One part of these frames. `since_s` is the time of the frame before them, where there is one."""
    indices: list[int] = []
    times: list[float] = []
    scores: list[float] = []
    breaks: list[int] = []
    failed: list[FailedRange] = []
    first: Hsv | None = None
    last: Hsv | None = None
    for frame in frames:
        with clock.stage("score"):
            small = small_hsv(frame.pixels)
            scores.append(0.0 if last is None or frame.follows_damage else content_score(last, small))
        if frame.follows_damage and since_s is not None:
            breaks.append(len(indices))
            failed.append(FailedRange(start_s=since_s, end_s=frame.time_s, reason="damaged packets"))
        indices.append(frame.index)
        times.append(frame.time_s)
        since_s = frame.time_s
        first = small if first is None else first
        last = small
    return ScanPart(
        frame_indices=tuple(indices),
        times_s=tuple(times),
        scores=tuple(scores),
        first=first,
        last=last,
        breaks=tuple(breaks),
        failed=tuple(failed),
        end_s=(since_s or 0.0) if end_s is None else end_s,
        n_frames=len(indices) if n_frames is None else n_frames,
        reader=reader,
        stages_s=dict(clock.seconds),
    )


def _with_missing(part: ScanPart, chunk: Chunk) -> ScanPart:
    """The part, with what the chunk should have held and did not give marked as failed."""
    got = set(part.frame_indices)
    expected = [
        (index, time_s) for index, time_s in zip(chunk.frame_indices, chunk.times_s, strict=True) if index != NOT_SHOWN
    ]
    if len(got) == len(expected):
        return part
    breaks: list[int] = []
    failed: list[FailedRange] = []
    run_start_s: float | None = None
    n_before = 0
    for index, time_s in [*expected, (NOT_SHOWN, chunk.end_s)]:
        is_missing = index not in got and index != NOT_SHOWN
        if is_missing and run_start_s is None:
            run_start_s = time_s
            breaks.append(n_before)
        elif not is_missing and run_start_s is not None:
            failed.append(FailedRange(start_s=run_start_s, end_s=time_s, reason="damaged pictures"))
            run_start_s = None
        n_before += index in got
    scores = tuple(0.0 if position in breaks else score for position, score in enumerate(part.scores))
    return replace(part, breaks=tuple(breaks), failed=tuple(failed), scores=scores)


def _scan_whole(film: Film) -> Iterator[ScanPart]:
    since_s: float | None = None
    clock = Stopwatch()
    frames = clock.timed("decode", read_whole(film))
    while True:
        part = _score(itertools.islice(frames, WHOLE_FILM_PART), clock, reader=PyavReader.name, since_s=since_s)
        if not part.frame_indices:
            return
        since_s = part.times_s[-1]
        yield replace(part, end_s=since_s + (1 / film.fps if film.fps else 0.0))
        clock.seconds.clear()


def write(task: WriteTask) -> Iterator[Written | WriteDone]:
    """One message for every wanted frame that was read, then WriteDone. OSError from writing is not caught."""
    clock = Stopwatch()
    wanted = set(task.wanted)
    n_decoded = 0
    for frames in _readings(task):
        try:
            for frame in clock.timed("decode", frames):
                n_decoded += 1
                if frame.index in wanted:
                    wanted.discard(frame.index)
                    with clock.stage("encode"):
                        written = _write_frame(task, frame)
                    yield written
                if not wanted:
                    break
        except ReadFailed:
            continue
        break
    yield WriteDone(n_decoded=n_decoded, missing=tuple(sorted(wanted)), stages_s=dict(clock.seconds))


def _readings(task: WriteTask) -> Iterator[Iterator[Frame]]:
    if task.chunk is None:
        yield read_whole(task.film)
        return
    names = list(READERS)
    for name in names[names.index(task.reader) :]:
        yield READERS[name].read(task.film, task.chunk)


def _write_frame(task: WriteTask, frame: Frame) -> Written:
    height, width = frame.pixels.shape[:2]
    if task.blur_threshold > 0 and sharpness(frame.pixels) < task.blur_threshold:
        return Written(frame.index, None, 0, width, height)
    path = task.folder / f"{frame.index:08d}.jpg"
    size_bytes = write_jpeg(frame.pixels, path, task.quality)
    return Written(frame.index, path, size_bytes, width, height)


def sharpness(picture: Rgb) -> float:
    """Variance of the Laplacian of the luma: the usual measure of blur; higher is sharper."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(luma, cv2.CV_64F).var())
