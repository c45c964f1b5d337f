"""framed's own detector: the content score has a peak above the median of its neighbours, and the pictures agree.

A fixed threshold takes whip pans for cuts and overlooks quiet ones. Here the score is compared with those around it,
and the grey difference says whether more than the hue has changed. What passes is then checked in the coarse pictures:
it is no cut where a flash or something that passes the camera interrupts a shot, where the light changes, or where a
fade, an iris or a dissolve makes a step. Why, and what it finds: docs/decisions/0067-the-peak-detector.md.
"""

from __future__ import annotations

import statistics
from typing import Final, NamedTuple

import numpy as np

from frame_extractor.picking.coarse_pictures import Colours
from frame_extractor.picking.detectors.same_shot import (
    is_dissolve_step,
    is_fade_step,
    is_interruption,
    is_light_change,
)

MIN_GREY_DIFFERENCE: Final = 8.0
LOW_SCORE: Final = 20.0
LOW_RATIO: Final = 3.5
"""A score of LOW_SCORE must be this many times the median of its neighbours."""
HIGH_SCORE: Final = 50.0
HIGH_RATIO: Final = 1.5
MIN_MEDIAN: Final = 1.0
"""Stills would make any change stand out."""
REACH: Final = 3
"""Neighbours on each side whose median counts, in samples."""
PEAK_REACH: Final = 2
"""Neighbours on each side that a score of HIGH_SCORE must not be below."""
INTERRUPTION_FRAMES: Final = 6
"""A flash, or what passes the camera, takes less than this."""
FADE_FRAMES: Final = 8
"""Around a step, in which a fade or a dissolve would be seen."""


class _Sample(NamedTuple):
    frame_index: int
    score: float
    grey_difference: float
    colours: Colours


class PeakDetector:
    """Cuts at least `min_frames` apart, and as far from both ends of the stretch; of two, the stronger."""

    def __init__(self, min_frames: int) -> None:
        self._min_frames = min_frames
        self._samples: list[_Sample] = []
        """The last ones, as far as they are needed."""
        self._next = 1
        """Position in `_samples` of the next that is judged: the first of a stretch has no score."""
        self._first_frame: int | None = None
        self._pending: int | None = None
        """The last cut, as long as a stronger one may come close to it."""
        self._pending_score = 0.0

    def add(self, frame_index: int, features: np.void) -> list[int]:
        if self._first_frame is None:
            self._first_frame = frame_index
        colours = features["colours"].ravel().astype(np.int64)
        self._samples.append(
            _Sample(frame_index, float(features["score"]), float(features["grey_difference"]), colours)
        )
        certain: list[int] = []
        while self._can_judge():
            certain += self._judge()
        self._forget()
        return certain

    def finish(self) -> list[int]:
        certain: list[int] = []
        while self._next < len(self._samples):
            certain += self._judge()
        if self._pending is not None and self._samples[-1].frame_index + 1 - self._pending >= self._min_frames:
            certain.append(self._pending)
        self._pending = None
        return certain

    def _can_judge(self) -> bool:
        """Whether all neighbours are there that the next sample is judged by."""
        if self._next + REACH >= len(self._samples):
            return False
        return self._samples[-1].frame_index - self._samples[self._next].frame_index >= FADE_FRAMES

    def _judge(self) -> list[int]:
        """Takes the next sample for a cut or not; the cut that is certain by that."""
        sample = self._samples[self._next]
        certain = self._certain_before(sample.frame_index)
        if self._stands_out() and not self._is_same_shot():
            self._take(sample)
        self._next += 1
        return certain

    def _certain_before(self, frame_index: int) -> list[int]:
        if self._pending is None or frame_index - self._pending < self._min_frames:
            return []
        certain, self._pending = [self._pending], None
        return certain

    def _take(self, cut: _Sample) -> None:
        assert self._first_frame is not None
        if cut.frame_index - self._first_frame < self._min_frames:
            return
        if self._pending is None or cut.score > self._pending_score:
            self._pending, self._pending_score = cut.frame_index, cut.score

    def _stands_out(self) -> bool:
        sample = self._samples[self._next]
        if sample.grey_difference < MIN_GREY_DIFFERENCE or sample.score < LOW_SCORE:
            return False
        median = max(MIN_MEDIAN, statistics.median(self._scores_around(REACH)))
        if sample.score >= LOW_RATIO * median:
            return True
        is_peak = sample.score >= max(self._scores_around(PEAK_REACH))
        return sample.score >= HIGH_SCORE and sample.score >= HIGH_RATIO * median and is_peak

    def _scores_around(self, reach: int) -> list[float]:
        """Of the next sample's neighbours, without it; never empty."""
        at = self._next
        near = self._samples[max(0, at - reach) : at] + self._samples[at + 1 : at + 1 + reach]
        return [sample.score for sample in near if sample.frame_index != self._first_frame] or [0.0]

    def _is_same_shot(self) -> bool:
        before, behind = self._pictures_around(INTERRUPTION_FRAMES)
        if is_interruption(before, behind) or is_light_change(before[-1], behind[0]):
            return True
        before, behind = self._pictures_around(FADE_FRAMES)
        return is_fade_step(before, behind) or is_dissolve_step(before, behind)

    def _pictures_around(self, frames: int) -> tuple[list[Colours], list[Colours]]:
        """The coarse pictures before the next sample and from it on, each side shorter than `frames`."""
        first, last = self._samples[self._next - 1].frame_index, self._samples[self._next].frame_index
        before = [each for each in self._samples[: self._next] if first - each.frame_index < frames]
        behind = [each for each in self._samples[self._next :] if each.frame_index - last < frames]
        return [each.colours for each in before], [each.colours for each in behind]

    def _forget(self) -> None:
        """Drops what no later sample is judged by."""
        if self._next <= REACH:
            return
        reached = self._samples[self._next - 1].frame_index - FADE_FRAMES
        n_old = sum(sample.frame_index <= reached for sample in self._samples[: self._next - REACH])
        del self._samples[:n_old]
        self._next -= n_old
