"""The repair of a film: what the plan wants and no scan has written is decoded again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import closing

from frame_extractor.contract.results import FailedRange
from frame_extractor.pipeline.context import FilmContext
from frame_extractor.pipeline.delivery import PickDelivery
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.readers.fallback import LAST_READER
from frame_extractor.workers.tasks import RepairDone, RepairTask, Written


class RepairStage:
    """Decodes missing picks and has them published."""

    def __init__(self, context: FilmContext, delivery: PickDelivery) -> None:
        self._context = context
        self._delivery = delivery
        self.n_decoded = 0
        self.failed: tuple[FailedRange, ...] = ()
        """Picks that could not be decoded again."""

    def run(self, readers: Mapping[int, str]) -> None:
        """`readers`: number of chunk -> name of the reader that scanned it, which gives the same pictures again."""
        context, missing = self._context, self._delivery.missing
        self._delivery.drop_candidates()
        context.reporter.missing(len(missing))
        context.reporter.repairing()
        with closing(context.pool.run(self._tasks(readers) if missing else ())) as events:
            for _, event in events:
                match event:
                    case Written():
                        self._delivery.deliver_missing(event)
                    case RepairDone():
                        self.n_decoded += event.n_decoded
                        context.clock.seconds.update(event.stages_s)
        # They decoded when they were scanned and not since: disk or decoder gives something else now.
        self.failed = tuple(
            FailedRange(
                start_s=pick.time_s,
                end_s=pick.time_s + (1 / context.film.fps if context.film.fps else 0.0),
                reason=f"frame {pick.frame_index} could not be read again",
            )
            for pick in missing.values()
        )

    def _tasks(self, readers: Mapping[int, str]) -> Iterator[RepairTask]:
        wanted = sorted(self._delivery.missing)
        if not self._context.in_chunks:
            yield self._task(None, LAST_READER, wanted)
            return
        for chunk in self._context.clock.timed("demux", self._context.chunks()):
            if chunk.first_frame > wanted[-1]:
                return
            end = chunk.first_frame + chunk.n_frames
            of_chunk = wanted[bisect_left(wanted, chunk.first_frame) : bisect_left(wanted, end)]
            if of_chunk:
                yield self._task(chunk, readers[chunk.number], of_chunk)

    def _task(self, chunk: Chunk | None, reader: str, wanted: list[int]) -> RepairTask:
        context = self._context
        return RepairTask(
            context.film, chunk, context.settings, context.temp, reader, frozenset(wanted), context.threads
        )
