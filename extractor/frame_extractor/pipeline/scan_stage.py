"""The scan of a film: every sample decoded and scored once, by workers or by an earlier attempt.

Parts are stitched as they come, so that picks are published while the rest of the film is scanned.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from frame_extractor.errors import NotAFilm
from frame_extractor.picking.shot_planner import ShotPlanner
from frame_extractor.pipeline.context import FilmContext
from frame_extractor.pipeline.delivery import PickDelivery
from frame_extractor.pipeline.score_cache import CachedPart, ScoreCache
from frame_extractor.pipeline.stitch import Scan, Stitcher
from frame_extractor.reading.readers.fallback import FIRST_READER
from frame_extractor.workers.pool import Finished, GivenUp, Restarted
from frame_extractor.workers.scan import unreadable_part
from frame_extractor.workers.spans import Span, spans_of
from frame_extractor.workers.tasks import Advanced, ScanPart, ScanTask, Voided, Written

N_LAST_SHOTS: Final = 12
"""Of those found so far; as many as fit on a screen."""


class ScanStage:
    """Scores of every sample; what the scan has written of the picks is published."""

    def __init__(
        self, context: FilmContext, cache: ScoreCache, delivery: PickDelivery, *, removed: frozenset[int]
    ) -> None:
        """`removed`: indices of the frames that a user has removed."""
        self._context = context
        self._cache = cache
        self._delivery = delivery
        self._removed = removed
        planner = ShotPlanner(
            context.settings,
            picture_bytes=context.film.picture_bytes,
            start_s=context.film_range.start_s,
            removed=removed,
        )
        self._stitcher = Stitcher(context.settings, planner)
        self._tasks: dict[int, ScanTask] = {}
        """In work or queued, by number."""
        self.n_scanned = 0
        """Samples that were decoded now."""
        self.n_cached = 0
        """Samples that an earlier attempt had decoded."""

    def run(self) -> Scan:
        """The scan of the whole film. Raises NeedsWholeFilm, and NotAFilm for a film of one task that fails."""
        if self._cache.film is not None:
            self._context.reporter.needs_no_scan()
            self._add_cached(0, self._cache.film)
        else:
            self._scan()
        self._delivery.deliver(self._stitcher.finish())
        self._report_shots()
        return self._stitcher.scan()

    def _scan(self) -> None:
        written: defaultdict[int, list[Written]] = defaultdict(list)
        reporter = self._context.reporter
        with closing(self._context.pool.run(self._new_tasks())) as events:
            for number, event in events:
                match event:
                    case Written():
                        written[number].append(event)
                    case Advanced():
                        reporter.scanned(number, event.seconds)
                    case Voided() | Restarted():
                        written.pop(number, None)
                        reporter.restart(number)
                    case ScanPart():
                        self._add_scanned(self._tasks[number].span, event, written.pop(number, []))
                    case GivenUp() if self._tasks[number].span is None:
                        raise NotAFilm(self._context.film.path, event.reason)
                    case GivenUp():
                        part = unreadable_part(self._tasks[number], event.reason)
                        self._add_scanned(self._tasks[number].span, part, [])
                        self._end_task(number)
                    case Finished():
                        self._end_task(number)

    def _new_tasks(self) -> Iterator[ScanTask]:
        """A task for every span that is not in the cache; those that are there join the film on the way."""
        context = self._context
        numbers = itertools.count()
        for span in self._spans() if context.in_chunks else [None]:
            if span is not None and (cached := self._cache.span(span)) is not None:
                span.delete_stored()
                self._add_cached(span.number, cached)
                context.reporter.cached(span.end_s - span.start_s)
                continue
            task = ScanTask(
                context.film, span, context.settings, context.temp, FIRST_READER, self._removed, context.threads
            )
            self._tasks[next(numbers)] = task
            yield task

    def _spans(self) -> Iterator[Span]:
        # Spans wait for their workers on the disk: in memory, those of a long film would come to hundreds of megabytes.
        chunks = (chunk.stored(self._context.temp) for chunk in self._context.chunks())
        seconds = self._context.film_range.seconds_of(self._context.film.duration_s)
        return self._context.clock.timed("demux", spans_of(chunks, seconds))

    def _end_task(self, number: int) -> None:
        span = self._tasks.pop(number).span
        if span is not None:
            span.delete_stored()

    def _add_cached(self, number: int, cached: CachedPart) -> None:
        self.n_cached += len(cached.part.numbers)
        self._delivery.blurred |= cached.rejected
        self._add_part(number, cached.part)

    def _add_scanned(self, span: Span | None, part: ScanPart, written: list[Written]) -> None:
        """A film that is read whole has no span."""
        self.n_scanned += len(part.numbers)
        images = [image for image in written if image.path is not None]
        blurred = {image.frame_index for image in written if image.is_blurred}
        if span is not None:
            self._cache.store_span(span, part, written=[image.frame_index for image in images], rejected=blurred)
        self._delivery.add_candidates(images)
        self._delivery.blurred |= blurred
        self._add_part(0 if span is None else span.number, part)

    def _add_part(self, number: int, part: ScanPart) -> None:
        self._delivery.deliver(self._stitcher.add(number, part))
        self._report_shots()

    def _report_shots(self) -> None:
        self._context.reporter.shots_found(self._stitcher.n_shots, self._stitcher.last_shots(N_LAST_SHOTS))
