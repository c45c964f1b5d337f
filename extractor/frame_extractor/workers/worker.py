"""What a worker process does with one task. `worker_process.py` moves tasks and messages between processes."""

from __future__ import annotations

from collections.abc import Iterator

import cv2

from frame_extractor.output.names import picture_name
from frame_extractor.output.sinks.jpeg import write_jpeg
from frame_extractor.reading.film import Rgb
from frame_extractor.reading.readers import Frame
from frame_extractor.workers.repair import repair
from frame_extractor.workers.scan import scan
from frame_extractor.workers.tasks import Message, ScanTask, Task, Written


def run_task(task: Task) -> Iterator[Message]:
    """Does the task. Raises OSError when a file cannot be written or the film not read."""

    def write_frame(frame: Frame) -> Written:
        return _write_frame(task, frame)

    if isinstance(task, ScanTask):
        yield from scan(task, write_frame)
    else:
        yield from repair(task, write_frame)


def _write_frame(task: Task, frame: Frame) -> Written:
    height, width = frame.pixels.shape[:2]
    settings = task.settings
    is_blurred = settings.blur_threshold > 0 and sharpness(frame.pixels) < settings.blur_threshold
    if is_blurred and not settings.keep_all:
        return Written(frame.index, None, 0, width, height, is_blurred)
    path = task.folder / picture_name(frame.index)
    size_bytes = write_jpeg(frame.pixels, path, settings.quality)
    return Written(frame.index, path, size_bytes, width, height, is_blurred)


def sharpness(picture: Rgb) -> float:
    """Variance of the Laplacian of the luma: the usual measure of blur; higher is sharper."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(luma, cv2.CV_64F).var())
