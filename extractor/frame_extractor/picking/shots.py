"""From features to shots, by the detector that settings name. Pure.

A cut is the first frame of a new shot. A film without a cut is one shot.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.picking.detectors.registry import new_detector


@dataclass(frozen=True)
class Shot:
    """The samples at positions [start, end), without a cut between them; never empty."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class ShotFinder:
    """Finds shots while samples come in, one after the other. A shot is given once its end is certain."""

    def __init__(self, settings: ExtractionSettings) -> None:
        self._settings = settings
        self._frame_indices: list[int] = []
        self._shot_start = 0
        self._detector = new_detector(settings, follows_break=False)

    def add(self, frame_index: int, features: np.void, *, is_break: bool) -> list[Shot]:
        """Takes the next sample, whose features are a row of FEATURES; the shots that have ended, in order."""
        position = len(self._frame_indices)
        ended: list[Shot] = []
        if is_break:
            ended += self._end_at(self._detector.finish())
            ended += self._end_shot(position)
            self._detector = new_detector(self._settings, follows_break=True)
        self._frame_indices.append(frame_index)
        return ended + self._end_at(self._detector.add(frame_index, features))

    def finish(self) -> list[Shot]:
        """Those that end with the film, or by its end."""
        return self._end_at(self._detector.finish()) + self._end_shot(len(self._frame_indices))

    def _end_at(self, cuts: list[int]) -> list[Shot]:
        """The shots that end with these cuts, which may lie back: a detector sees some samples ahead."""
        return [shot for cut in cuts for shot in self._end_shot(bisect_left(self._frame_indices, cut))]

    def _end_shot(self, end: int) -> list[Shot]:
        if end <= self._shot_start:
            return []
        shot = Shot(self._shot_start, end)
        self._shot_start = end
        return [shot]
