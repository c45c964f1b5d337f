"""Scans a span: one decoding gives the scores, and the images that will probably be wanted.

What is written here is a guess that makes the plan cheap. The plan is made later, over the whole film, where the
spans are stitched; it takes what fits and has the rest decoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

import msgspec
import numpy as np

from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import Mode, Selection
from frame_extractor.errors import ReadFailed
from frame_extractor.features.sample import measure
from frame_extractor.features.samples import FeatureList, Samples
from frame_extractor.features.small_picture import SmallPicture, small_picture
from frame_extractor.picking.grid import Grid
from frame_extractor.picking.plan import interval_begun
from frame_extractor.picking.selection import barred
from frame_extractor.picking.shot_planner import ShotPlanner
from frame_extractor.picking.shots import Shot, ShotFinder
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.film_range import range_of
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.fallback import LAST_READER, NO_READER, READERS, reader_after
from frame_extractor.reading.readers.whole import read_whole
from frame_extractor.reading.survey import Survey
from frame_extractor.stopwatch import Stopwatch
from frame_extractor.workers.spans import Span
from frame_extractor.workers.tasks import Advanced, ScanPart, ScanTask, Voided, Written

ADVANCED_EVERY_FRAMES = 120
"""Frames decoded between two messages at most: a worker that sends nothing for long counts as hung."""
FIRST_FRAME_REACH_S = 0.5
"""How far before a span's first sample the one before it may lie: an interval that began in between is its."""

POSSIBLE_CUT_SCORE = 15.0
"""Below this content score no detector sees a cut, at its usual threshold."""

WriteFrame = Callable[[Frame], Written]


def scan(task: ScanTask, write_frame: WriteFrame) -> Iterator[Written | Advanced | Voided | ScanPart]:
    """Images, progress, and in the end the span's ScanPart.

    A chunk that a reader cannot read makes the span begin again, that chunk with the next reader: a reader may fail
    after it has given frames, and none of them counts.
    """
    clock = Stopwatch()
    if task.span is None:
        yield from _scan_whole(task, write_frame, clock)
        return
    readers = dict.fromkeys((chunk.number for chunk in task.span.chunks), task.first_reader)
    reasons: dict[int, str] = {}
    while True:
        scanner = _Scanner(task, write_frame, clock, task.span.starts_like_a_cut)
        unread = yield from _scan_chunks(task.span, scanner, readers, reasons)
        if unread is None:
            break
        number, failure = unread
        readers[number], reasons[number] = reader_after(failure.reader), str(failure)
        yield Voided()
    yield from scanner.finish(ends_like_a_cut=task.span.ends_like_a_cut)
    yield scanner.part(task.span.end_s, task.span.n_frames, readers)


def _scan_chunks(
    span: Span, scanner: _Scanner, readers: Mapping[int, str], reasons: Mapping[int, str]
) -> Generator[Written | Advanced, None, tuple[int, ReadFailed] | None]:
    """Scans the chunks with these readers; returns the number of the first that its reader failed on, and how."""
    for chunk in span.chunks:
        if chunk.lost_before is not None:
            scanner.add_failed(chunk.lost_before)
        if chunk.are_numbers_counted:
            scanner.count_from(chunk.start_s)
        try:
            if readers[chunk.number] == NO_READER:
                scanner.add_unreadable(chunk, reasons[chunk.number])
            else:
                yield from scanner.scan_chunk(chunk, readers[chunk.number])
        except ReadFailed as failure:
            return chunk.number, failure
        if chunk.lost_after is not None:
            scanner.add_failed(chunk.lost_after)
        yield Advanced(chunk.end_s - chunk.start_s)
    return None


def _scan_whole(
    task: ScanTask, write_frame: WriteFrame, clock: Stopwatch
) -> Iterator[Written | Advanced | Voided | ScanPart]:
    scanner = _Scanner(task, write_frame, clock, starts_like_a_cut=True)
    reported_s = 0.0
    frame_s = 1 / task.film.fps if task.film.fps else 0.0
    n_frames = 0
    damaged_ends_s: list[float] = []
    survey = Survey()
    for _ in clock.timed("decode", survey.run(task.film)):
        yield Advanced(0.0)
    film_range = range_of(task.film.path, task.film.duration_s, task.settings)
    last_s = 0.0
    frames = read_whole(task.film, task.threads, damaged_ends_s.append, survey)
    for nth, frame in enumerate(clock.timed("decode", frames), 1):
        if frame.time_s >= film_range.end_s:
            damaged_ends_s.clear()
            break
        start_s = last_s + frame_s if nth > 1 else 0.0
        last_s = frame.time_s
        if frame.follows_damage and start_s < frame.time_s:
            damage = FailedRange(start_s=start_s, end_s=frame.time_s, reason="damaged packets")
            if (failed := film_range.clip(damage)) is not None:
                scanner.add_failed(failed)
        if frame.is_number_counted:
            scanner.count_from(frame.time_s)
        if frame.time_s in film_range:
            yield from scanner.add(frame.index, frame)
        n_frames = frame.index + 1
        if nth % ADVANCED_EVERY_FRAMES == 0:
            yield Advanced(frame.time_s - reported_s)
            reported_s = frame.time_s
    yield from scanner.finish(ends_like_a_cut=True)
    end_s = scanner.last_s + frame_s
    for last_s in damaged_ends_s:
        damage = FailedRange(start_s=end_s, end_s=last_s + frame_s, reason="damaged packets")
        if (failed := film_range.clip(damage)) is not None:
            scanner.add_failed(failed)
            end_s = failed.end_s
    yield scanner.part(end_s, n_frames, {0: LAST_READER})


class _Scanner:
    """One pass over a span: scores, shots as far as the span shows them, and the grid of the current shot."""

    def __init__(self, task: ScanTask, write_frame: WriteFrame, clock: Stopwatch, starts_like_a_cut: bool) -> None:
        self._settings = task.settings
        self._film = task.film
        self._write_frame = write_frame
        self._clock = clock
        self._finder = ShotFinder(task.settings)
        self._planner = planner_of(task)
        self._grid = Grid(self._planner.grid_size)
        self._knows_shot_start = starts_like_a_cut
        self._numbers: list[int] = []
        self._frame_indices: list[int] = []
        self._times_s: list[float] = []
        self._features = FeatureList()
        self._breaks: list[int] = []
        self._failed: list[FailedRange] = []
        self._counted_from_s: float | None = None
        self._written: set[int] = set()
        self._first: SmallPicture | None = None
        self._last: SmallPicture | None = None

    @property
    def last_s(self) -> float:
        return self._times_s[-1] if self._times_s else 0.0

    def scan_chunk(self, chunk: Chunk, reader: str) -> Iterator[Written | Advanced]:
        """Takes a chunk's frames; what it should hold and does not give is recorded as failed."""
        samples = chunk.samples
        nth = 0
        for frame in self._clock.timed("decode", READERS[reader].read(self._film, chunk.loaded())):
            missing_from = nth
            while samples[nth][0] != frame.index:
                nth += 1
            if nth > missing_from:
                self.add_failed(_failed(samples[missing_from][1], frame.time_s))
            yield from self.add(chunk.first_sample + nth, frame)
            nth += 1
            if nth % ADVANCED_EVERY_FRAMES == 0:
                yield Advanced(0.0)
        if nth < len(samples):
            self.add_failed(_failed(samples[nth][1], chunk.end_s))

    def add_unreadable(self, chunk: Chunk, reason: str) -> None:
        """No reader reads this chunk."""
        self.add_failed(FailedRange(start_s=chunk.start_s, end_s=chunk.end_s, reason=reason))

    def add_failed(self, failed: FailedRange) -> None:
        """Film is missing before the next sample."""
        self._failed.append(failed)
        if len(self._numbers) not in self._breaks:
            self._breaks.append(len(self._numbers))

    def count_from(self, start_s: float) -> None:
        """From here on frame numbers are only a count of what is there, if they were not before."""
        if self._counted_from_s is None:
            self._counted_from_s = start_s

    def add(self, number: int, frame: Frame) -> Iterator[Written]:
        """Takes the next sample; writes what a shot that ended with it, or an interval that began, wants."""
        is_break = bool(self._breaks) and self._breaks[-1] == len(self._numbers)
        with self._clock.stage("score"):
            small = small_picture(frame.pixels)
            row = measure(None if is_break else self._last, small)
        wants_interval = self._begins_interval(frame.time_s)
        self._numbers.append(number)
        self._frame_indices.append(frame.index)
        self._times_s.append(frame.time_s)
        self._features.append(row)
        self._first = small if self._first is None else self._first
        self._last = small
        for shot in self._finder.add(frame.index, row[0], is_break=is_break):
            yield from self._end_shot(shot, knows_end=True)
            self._grid.begin_shot(self._numbers[shot.end], len(self._numbers) - 1 - shot.end)
        self._grid.add(number, frame, may_begin_shot=row["score"][0] >= POSSIBLE_CUT_SCORE)
        if wants_interval:
            yield from self._write([frame])

    def _begins_interval(self, time_s: float) -> bool:
        if self._settings.mode is Mode.SCENE:
            return False
        before_s = self._times_s[-1] if self._times_s else time_s - FIRST_FRAME_REACH_S
        return interval_begun(before_s if before_s >= 0 else None, time_s, self._settings.interval_seconds) is not None

    def finish(self, *, ends_like_a_cut: bool) -> Iterator[Written]:
        """Writes what the last shot of the span will probably want."""
        for shot in self._finder.finish():
            yield from self._end_shot(shot, knows_end=ends_like_a_cut)

    def _end_shot(self, shot: Shot, *, knows_end: bool) -> Iterator[Written]:
        if self._settings.mode is Mode.INTERVAL:
            return
        is_all_seen = self._knows_shot_start and knows_end
        wanted = self._wanted_of(shot) if is_all_seen else self._possibly_wanted_of(shot)
        yield from self._write(self._grid.frames(wanted))
        self._knows_shot_start = True

    def _wanted_of(self, shot: Shot) -> list[int]:
        """Sample numbers. Frames of intervals are written already."""
        picks = self._planner.plan(self._samples(shot), 0, Shot(0, len(shot))).picks
        wanted = {pick.frame_index for pick in picks if pick.rejected is None or self._settings.keep_all}
        return [self._numbers[at] for at in range(shot.start, shot.end) if self._frame_indices[at] in wanted]

    def _possibly_wanted_of(self, shot: Shot) -> list[int]:
        """All that is held of a shot whose other frames are in another span, but for what is wanted of no shot."""
        numbers = self._numbers[shot.start : shot.end]
        held = self._grid.held(numbers[0], numbers[-1])
        if self._settings.selection is Selection.EVEN or self._settings.keep_all:
            return held
        at = np.searchsorted(numbers, held)
        unwanted = barred(self._features.array()[shot.start : shot.end], at, ())
        return [number for number, position in zip(held, at.tolist(), strict=True) if position not in unwanted]

    def _samples(self, shot: Shot) -> Samples:
        """Those of the shot alone."""
        at = slice(shot.start, shot.end)
        return Samples(
            numbers=np.array(self._numbers[at], dtype=np.int64),
            frame_indices=np.array(self._frame_indices[at], dtype=np.int64),
            times_s=np.array(self._times_s[at], dtype=np.float64),
            features=self._features.array()[at],
            breaks=frozenset(),
        )

    def _write(self, frames: Iterable[Frame]) -> Iterator[Written]:
        for frame in frames:
            if frame.index not in self._written:
                self._written.add(frame.index)
                with self._clock.stage("encode"):
                    written = self._write_frame(frame)
                yield written

    def part(self, end_s: float, n_frames: int, readers: dict[int, str]) -> ScanPart:
        """The result of the scan."""
        return ScanPart(
            numbers=np.array(self._numbers, dtype=np.int64),
            frame_indices=np.array(self._frame_indices, dtype=np.int64),
            times_s=np.array(self._times_s, dtype=np.float64),
            features=self._features.array(),
            breaks=tuple(self._breaks),
            first=self._first,
            last=self._last,
            failed=tuple(self._failed),
            end_s=end_s,
            n_frames=n_frames,
            readers=readers,
            counted_from_s=self._counted_from_s,
            stages_s=dict(self._clock.seconds),
        )


def planner_of(task: ScanTask) -> ShotPlanner:
    """As the stitch has it, but for intervals: the scanner knows when one begins."""
    settings = msgspec.structs.replace(task.settings, mode=Mode.SCENE)
    return ShotPlanner(settings, picture_bytes=task.film.picture_bytes, removed=task.removed)


def _failed(start_s: float, end_s: float) -> FailedRange:
    return FailedRange(start_s=start_s, end_s=end_s, reason="damaged pictures")


def unreadable_part(task: ScanTask, reason: str) -> ScanPart:
    """The part of a span that crashed or hung every worker that had it."""
    assert task.span is not None
    scanner = _Scanner(task, _never_written, Stopwatch(), starts_like_a_cut=False)
    for chunk in task.span.chunks:
        scanner.add_unreadable(chunk, reason)
    readers = dict.fromkeys((chunk.number for chunk in task.span.chunks), NO_READER)
    return scanner.part(task.span.end_s, task.span.n_frames, readers)


def _never_written(frame: Frame) -> Written:
    raise AssertionError(frame)
