"""PySceneDetect's AdaptiveDetector: the content score is a multiple of the mean of its neighbours."""

from __future__ import annotations

from typing import Final

import numpy as np

RATIO: Final = 3.0
MIN_SCORE: Final = 15.0
REACH: Final = 2
"""Neighbours on each side, in samples."""
NO_CHANGE: Final = 0.00001


class AdaptiveDetector:
    """PySceneDetect's rule with its defaults, from the scores that are kept. It drops a cut that follows too soon."""

    def __init__(self, min_frames: int) -> None:
        self._min_frames = min_frames
        self._window: list[tuple[int, float]] = []
        """Frame index and score of the last samples."""
        self._last_cut: int | None = None

    def add(self, frame_index: int, features: np.void) -> list[int]:
        if self._last_cut is None:
            self._last_cut = frame_index
        self._window.append((frame_index, float(features["score"])))
        if len(self._window) < 2 * REACH + 1:
            return []
        self._window = self._window[-(2 * REACH + 1) :]
        middle, score = self._window[REACH]
        if not self._stands_out(score) or middle - self._last_cut < self._min_frames:
            return []
        self._last_cut = middle
        return [middle]

    def _stands_out(self, score: float) -> bool:
        neighbours = [near for nth, (_, near) in enumerate(self._window) if nth != REACH]
        mean = sum(neighbours) / len(neighbours)
        return score >= MIN_SCORE and (mean < NO_CHANGE or score / mean >= RATIO)

    def finish(self) -> list[int]:
        return []
