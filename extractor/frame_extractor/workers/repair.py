"""Decodes single frames of a film again: those that the plan wants and no scan has written."""

from __future__ import annotations

from collections.abc import Iterator

from frame_extractor.errors import ReadFailed
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.fallback import readers_from
from frame_extractor.reading.readers.whole import read_whole
from frame_extractor.stopwatch import Stopwatch
from frame_extractor.workers.scan import ADVANCED_EVERY_FRAMES, WriteFrame
from frame_extractor.workers.tasks import Advanced, RepairDone, RepairTask, Written


def repair(task: RepairTask, write_frame: WriteFrame) -> Iterator[Written | Advanced | RepairDone]:
    """One message for every wanted frame that decodes, then RepairDone. Decodes no further than the last of them."""
    clock = Stopwatch()
    wanted = set(task.wanted)
    n_decoded = 0
    for frames in _readings(task):
        try:
            for frame in clock.timed("decode", frames):
                n_decoded += 1
                if n_decoded % ADVANCED_EVERY_FRAMES == 0:
                    yield Advanced(0.0)
                if frame.index in wanted:
                    wanted.discard(frame.index)
                    with clock.stage("encode"):
                        written = write_frame(frame)
                    yield written
                if not wanted:
                    break
        except ReadFailed:
            continue
        break
    yield RepairDone(n_decoded=n_decoded, stages_s=dict(clock.seconds))


def _readings(task: RepairTask) -> Iterator[Iterator[Frame]]:
    if task.chunk is None:
        yield read_whole(task.film, task.threads)
        return
    for reader in readers_from(task.first_reader):
        yield reader.read(task.film, task.chunk)
