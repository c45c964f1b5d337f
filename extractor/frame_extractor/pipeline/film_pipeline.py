"""A film from file to images: names the stages and hands results from one to the next.

inspect -> scan (decode once: score, and write likely picks) -> stitch, shots, plan -> repair (what the scan missed)
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from frame_extractor.contract.results import FailedRange, FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.errors import NeedsWholeFilm, NotAFilm, TooMuchFailed
from frame_extractor.output.picture import Images, Picture
from frame_extractor.output.sinks.jpeg import measures_of
from frame_extractor.picking.plan import Pick
from frame_extractor.pipeline.film_progress import FilmProgress, FilmProgressReporter
from frame_extractor.pipeline.score_cache import CachedPart, ScoreCache
from frame_extractor.pipeline.stitch import Scan, Stitcher
from frame_extractor.reading.demux import Chunk, read_chunks, why_whole
from frame_extractor.reading.film import Film, open_film
from frame_extractor.reading.film import probe_film as probe_film  # noqa: PLC0414 -- a Pipeline has it
from frame_extractor.reading.readers.fallback import FIRST_READER, LAST_READER
from frame_extractor.stopwatch import Stopwatch
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.pool import Finished, GivenUp, Restarted, WorkerPool
from frame_extractor.workers.scan import unreadable_part
from frame_extractor.workers.spans import Span, spans_of
from frame_extractor.workers.tasks import Advanced, RepairDone, RepairTask, ScanPart, ScanTask, Voided, Written

N_LAST_SHOTS: Final = 12
"""Of those found so far, the last; so many fit on a screen."""


def worker_pool(grant: WorkerGrant, check: Callable[[], None]) -> WorkerPool:
    """Whose workers extract films, one after the other. What `check` raises ends the film in work."""
    return WorkerPool(grant, check)


def extract_film(
    path: Path,
    *,
    settings: ExtractionSettings,
    pool: WorkerPool,
    temp: Path,
    images: Images,
    cache: ScoreCache,
    report: Callable[[FilmProgress], None],
) -> FilmResult:
    """The film's picks, each published as a finished file, and what there is to say of the film.

    Pictures are made in `temp` and published from this process, shot after shot, then what had to be read again. What
    earlier attempts have found out (`cache`) and made (`images.reusable`) is not done again. Identity, place and time
    are left to the caller. Raises NotAFilm when nothing decodes, TooMuchFailed when more is damaged than the settings
    allow, OSError as it comes from reading or writing. No worker is busy with the film when it returns or raises.
    """
    film = open_film(path)
    reporter = FilmProgressReporter(film, report)

    def extract(*, in_chunks: bool) -> FilmResult:
        extraction = _Extraction(film, settings, pool=pool, temp=temp, images=images, cache=cache, reporter=reporter)
        return extraction.run(in_chunks=in_chunks)

    if cache.film is not None:
        return extract(in_chunks=cache.film.in_chunks)
    try:
        if why_whole(film) is None:
            return extract(in_chunks=True)
    except NeedsWholeFilm:
        reporter.void()
        images.restart()
        cache.delete_spans()
    return extract(in_chunks=False)


class _Extraction:
    """One film on its way: what has been written, what is wanted, what is published."""

    def __init__(
        self,
        film: Film,
        settings: ExtractionSettings,
        *,
        pool: WorkerPool,
        temp: Path,
        images: Images,
        cache: ScoreCache,
        reporter: FilmProgressReporter,
    ) -> None:
        self._film = film
        self._settings = settings
        self._pool = pool
        self._temp = temp
        self._images = images
        self._cache = cache
        self._reporter = reporter
        self._clock = Stopwatch()
        self._waited_earlier_s = pool.waited_s
        self._candidates: dict[int, Written] = {}
        """By frame index: images of joined spans that no pick has claimed yet."""
        self._missing: dict[int, Pick] = {}
        """By frame index: picks that no scan has written."""
        self._blurred: set[int] = set()
        """Frame indices of pictures that are too blurred to be written, picked or not."""
        self._n_images = 0
        self._n_image_bytes = 0
        self._n_rejected = 0
        self._n_scanned = 0
        self._n_cached = 0
        self._n_repaired = 0
        self._failed: list[FailedRange] = []

    def run(self, *, in_chunks: bool) -> FilmResult:
        """Everything, in order. Raises NeedsWholeFilm where packets turn out not to be pictures."""
        scan = self._scan_from_cache() or self._scan(in_chunks=in_chunks)
        self._repair(scan, in_chunks=in_chunks)
        self._clock.add("wait", self._pool.waited_s - self._waited_earlier_s)
        self._cache.store_film(scan, in_chunks=in_chunks, rejected=self._blurred)
        film = self._film
        return FilmResult(
            name=film.path.name,
            path=str(film.path),
            fingerprint=self._cache.fingerprint,
            status="complete",
            images=self._n_images,
            shots=len(scan.shots),
            cuts=tuple(int(scan.samples.frame_indices[shot.start]) for shot in scan.shots[1:]),
            duration_s=scan.end_s,
            source_frames=scan.n_frames,
            fps=film.fps,
            width=film.width,
            height=film.height,
            codec=film.codec,
            container=film.container,
            rejected_blurry=self._n_rejected,
            failed_ranges=(*scan.failed, *self._failed),
            frame_numbers_counted_from_s=scan.counted_from_s,
            decoded_frames=self._n_scanned + self._n_repaired,
            kept_frames=self._n_cached,
            repaired_frames=self._n_repaired,
            chunks_read_by=dict(sorted(Counter(scan.readers.values()).items())),
            settings=self._settings,
            image_key=self._settings.image_key,
            stages_s={name: round(seconds, 3) for name, seconds in sorted(self._stages_s(scan).items())},
        )

    def _scan_from_cache(self) -> Scan | None:
        """The scan of an earlier run, if it was kept, and its picks in place or missing."""
        film = self._cache.film
        if film is None:
            return None
        self._reporter.needs_no_scan()
        stitcher = Stitcher(self._settings)
        self._add_cached(stitcher, 0, film)
        self._finish(stitcher)
        return self._require_usable(stitcher.scan())

    def _add_cached(self, stitcher: Stitcher, number: int, cached: CachedPart) -> None:
        """Takes a part that need not be scanned again."""
        self._n_cached += len(cached.part.numbers)
        self._blurred |= cached.rejected
        self._add_part(stitcher, number, cached.part)

    def _scan(self, *, in_chunks: bool) -> Scan:
        """Scores of every sample of the film; what the scan has written of the picks is published.

        Raises NeedsWholeFilm, NotAFilm, TooMuchFailed.
        """
        stitcher = Stitcher(self._settings)
        in_work: dict[int, ScanTask] = {}
        of_task: defaultdict[int, list[Written]] = defaultdict(list)
        n_tasks = itertools.count()

        def tasks() -> Iterator[ScanTask]:
            for span in self._spans() if in_chunks else [None]:
                if span is not None and (cached := self._cache.span(span)) is not None:
                    span.delete_stored()
                    self._add_cached(stitcher, span.number, cached)
                    self._reporter.cached(span.end_s - span.start_s)
                    continue
                threads = self._threads(is_whole=span is None)
                task = ScanTask(self._film, span, self._settings, self._temp, FIRST_READER, threads)
                in_work[next(n_tasks)] = task
                yield task

        with closing(self._pool.run(tasks())) as events:
            for number, event in events:
                match event:
                    case Written():
                        of_task[number].append(event)
                    case Advanced():
                        self._reporter.scanned(number, event.seconds)
                    case Voided() | Restarted():
                        of_task.pop(number, None)
                        self._reporter.void(number)
                    case ScanPart():
                        self._add_scanned(stitcher, in_work[number].span, event, of_task.pop(number, []))
                    case GivenUp() if in_work[number].span is None:
                        raise NotAFilm(self._film.path, event.reason)
                    case GivenUp():
                        part = unreadable_part(in_work[number], event.reason)
                        self._add_scanned(stitcher, in_work[number].span, part, [])
                        _delete_stored(in_work.pop(number))
                    case Finished():
                        _delete_stored(in_work.pop(number))
        self._finish(stitcher)
        return self._require_usable(stitcher.scan())

    def _require_usable(self, scan: Scan) -> Scan:
        """The scan, if it is good enough to go on with."""
        if len(scan.samples) == 0:
            reason = f"no picture of its {self._film.codec} stream can be decoded; the file is damaged"
            raise NotAFilm(self._film.path, reason)
        allowed = self._settings.max_failed_fraction
        if scan.failed_fraction > allowed:
            raise TooMuchFailed(self._film.path, scan.failed_fraction, allowed, scan.failed)
        return scan

    def _repair(self, scan: Scan, *, in_chunks: bool) -> None:
        """What the plan wants and no scan has written is read again, and published."""
        self._drop_candidates(math.inf)
        self._reporter.missing(len(self._missing))
        self._reporter.repairing()
        tasks = (
            self._repair_tasks(scan) if in_chunks else iter([self._repair_task(None, LAST_READER, [*self._missing])])
        )
        with closing(self._pool.run(tasks if self._missing else ())) as events:
            for _, event in events:
                match event:
                    case Written() if event.frame_index in self._missing:
                        self._publish(self._missing.pop(event.frame_index), event)
                        self._reporter.repaired()
                    case RepairDone():
                        self._n_repaired += event.n_decoded
                        self._clock.seconds.update(event.stages_s)
        for pick in self._missing.values():
            # It decoded when it was scanned and not since: disk or decoder has changed its mind.
            reason = f"frame {pick.frame_index} could not be read again"
            end_s = pick.time_s + (1 / self._film.fps if self._film.fps else 0.0)
            self._failed.append(FailedRange(start_s=pick.time_s, end_s=end_s, reason=reason))

    def _stages_s(self, scan: Scan) -> Counter[str]:
        """Seconds by stage, over all workers and passes."""
        return Counter(scan.stages_s) + self._clock.seconds

    def _spans(self) -> Iterator[Span]:
        # Spans wait for their workers on the disk: in memory, those of a long film would come to hundreds of megabytes.
        chunks = (chunk.stored(self._temp) for chunk in self._chunks())
        return self._clock.timed("demux", spans_of(chunks, self._film.duration_s))

    def _chunks(self) -> Iterator[Chunk]:
        return read_chunks(self._film, self._settings.sampling)

    def _add_scanned(self, stitcher: Stitcher, span: Span | None, part: ScanPart, written: list[Written]) -> None:
        """Takes a part that has just been scanned; a whole film's has no span."""
        self._n_scanned += len(part.numbers)
        images = {image.frame_index: image for image in written if image.path is not None}
        rejected = {image.frame_index for image in written if image.path is None}
        if span is not None:
            self._cache.store_span(span, part, written=images, rejected=rejected)
        self._candidates |= images
        self._blurred |= rejected
        self._add_part(stitcher, 0 if span is None else span.number, part)

    def _add_part(self, stitcher: Stitcher, number: int, part: ScanPart) -> None:
        self._deliver(stitcher.add(number, part))
        self._reporter.missing(len(self._missing))
        self._reporter.shots_found(stitcher.n_shots, stitcher.last_shots(N_LAST_SHOTS))

    def _finish(self, stitcher: Stitcher) -> None:
        self._deliver(stitcher.finish())
        self._reporter.shots_found(stitcher.n_shots, stitcher.last_shots(N_LAST_SHOTS))

    def _deliver(self, picks: list[Pick]) -> None:
        """Publishes those of the picks that are written, and notes the others as missing."""
        for pick in picks:
            if self._images.is_removed(pick.frame_index):
                self._images.leave_out(pick, self._film.width, self._film.height)
                continue
            image = self._candidates.pop(pick.frame_index, None) or self._reusable(pick.frame_index)
            if image is not None:
                self._publish(pick, image)
            elif pick.frame_index in self._blurred:
                self._reject()
            else:
                self._missing[pick.frame_index] = pick
        if picks:
            self._drop_candidates(picks[-1].frame_index)

    def _reusable(self, frame_index: int) -> Written | None:
        """The picture of this frame that an earlier attempt has made, if it is whole."""
        for path in self._images.reusable(frame_index):
            measures = measures_of(path)
            if measures is not None:
                return Written(frame_index, path, *measures)
        return None

    def _drop_candidates(self, before: float) -> None:
        """Images of frames that can no longer be picked take up room for nothing."""
        for frame_index in [index for index in self._candidates if index < before]:
            path = self._candidates.pop(frame_index).path
            assert path is not None, "candidates are images"
            path.unlink(missing_ok=True)

    def _publish(self, pick: Pick, image: Written) -> None:
        if image.path is None:
            self._blurred.add(image.frame_index)
            self._reject()
            return
        self._images.publish(Picture(pick, image.path, image.size_bytes, image.width, image.height))
        self._n_images += 1
        self._n_image_bytes += image.size_bytes
        self._reporter.published(self._n_images, self._n_image_bytes)

    def _reject(self) -> None:
        self._n_rejected += 1

    def _repair_tasks(self, scan: Scan) -> Iterator[RepairTask]:
        wanted = sorted(self._missing)
        last = wanted[-1]
        for chunk in self._clock.timed("demux", self._chunks()):
            if chunk.first_frame > last:
                return
            end = chunk.first_frame + chunk.n_frames
            of_chunk = wanted[bisect_left(wanted, chunk.first_frame) : bisect_left(wanted, end)]
            if of_chunk:
                yield self._repair_task(chunk, scan.readers[chunk.number], of_chunk)

    def _repair_task(self, chunk: Chunk | None, reader: str, wanted: list[int]) -> RepairTask:
        threads = self._threads(is_whole=chunk is None)
        return RepairTask(self._film, chunk, self._settings, self._temp, reader, frozenset(wanted), threads)

    def _threads(self, *, is_whole: bool) -> int:
        """A film that is read whole keeps one worker busy and leaves the others' cores to its decoder."""
        return self._pool.n_workers if is_whole else 1


def _delete_stored(task: ScanTask) -> None:
    if task.span is not None:
        task.span.delete_stored()
