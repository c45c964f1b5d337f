"""Scores to shots, by the rules of PySceneDetect's ContentDetector. Pure.

A cut is the first frame of a new shot. A film without a cut is one shot.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from scenedetect.common import FrameTimecode
from scenedetect.detector import FlashFilter

from frame_extractor.contract.settings import ExtractionSettings


@dataclass(frozen=True)
class Shot:
    """The samples at positions [start, end), without a cut between them; never empty."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class ShotFinder:
    """Finds shots while samples come in, one after the other. A shot is told of once it has ended for good."""

    def __init__(self, settings: ExtractionSettings) -> None:
        self._settings = settings
        self._frame_indices: list[int] = []
        self._shot_start = 0
        self._filter = self._new_filter()

    def _new_filter(self) -> FlashFilter:
        return FlashFilter(FlashFilter.Mode.MERGE, self._settings.min_scene_length)

    def add(self, frame_index: int, score: float, *, is_break: bool) -> list[Shot]:
        """Takes the next sample; the shots that have ended, in order."""
        position = len(self._frame_indices)
        self._frame_indices.append(frame_index)
        if is_break:
            self._filter = self._new_filter()
            return self._end_shot(position)
        # The filter counts in frames; its rate is never asked for, but a FrameTimecode must have one.
        cuts = self._filter.filter(FrameTimecode(frame_index, fps=1000.0), score >= self._settings.scene_threshold)
        # A cut may lie back: whether a flash is a cut is only known after it.
        return [shot for cut in cuts for shot in self._end_shot(bisect_left(self._frame_indices, cut.frame_num))]

    def finish(self) -> list[Shot]:
        """The shot that runs when the film ends."""
        return self._end_shot(len(self._frame_indices))

    def _end_shot(self, end: int) -> list[Shot]:
        if end <= self._shot_start:
            return []
        shot = Shot(self._shot_start, end)
        self._shot_start = end
        return [shot]
