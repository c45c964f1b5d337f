"""PySceneDetect's ContentDetector, with its filter against flashes: the content score reaches a threshold."""

from __future__ import annotations

import numpy as np
from scenedetect.common import FrameTimecode
from scenedetect.detector import FlashFilter


class ContentDetector:
    """A cut where the score is at least `threshold`; cuts closer together than `min_frames` are taken for one."""

    def __init__(self, threshold: float, min_frames: int, *, follows_break: bool) -> None:
        self._threshold = threshold
        self._filter = FlashFilter(FlashFilter.Mode.MERGE, min_frames)
        # The filter has never been given the first sample after a break, and what was extracted depends on it.
        self._skips_next = follows_break

    def add(self, frame_index: int, features: np.void) -> list[int]:
        if self._skips_next:
            self._skips_next = False
            return []
        # The filter counts in frames; its rate is never asked for, but a FrameTimecode must have one.
        time = FrameTimecode(frame_index, fps=1000.0)
        # A cut may lie back: whether a flash is a cut is only known after it.
        return [cut.frame_num for cut in self._filter.filter(time, bool(features["score"] >= self._threshold))]

    def finish(self) -> list[int]:
        return []
