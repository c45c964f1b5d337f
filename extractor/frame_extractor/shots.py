"""Scores to shots, by the rules of PySceneDetect's ContentDetector. Pure.

A cut is the first frame of a new shot. A film without a cut is one shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scenedetect.common import FrameTimecode
from scenedetect.detector import FlashFilter

from frame_extractor.contract import ExtractionSettings


@dataclass(frozen=True)
class Samples:
    """The frames of a film that were decoded and scored, in presentation order. All arrays have one length."""

    frame_indices: npt.NDArray[np.int64]
    """Strictly increasing."""
    times_s: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    """Content score against the sample before; 0 for the first of the film and after a break."""
    breaks: frozenset[int]
    """Sample numbers before which film is missing: what could not be decoded ends the running shot."""

    def __len__(self) -> int:
        return len(self.frame_indices)


@dataclass(frozen=True)
class Shot:
    """Samples [start, end) of a film, without a cut between them; never empty."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def find_shots(samples: Samples, settings: ExtractionSettings) -> tuple[Shot, ...]:
    """The shots of a film: together they are all samples, in order."""
    if len(samples) == 0:
        return ()
    starts = sorted({0, *_cuts(samples, settings), *samples.breaks})
    return tuple(Shot(start, end) for start, end in zip(starts, [*starts[1:], len(samples)], strict=True))


def _cuts(samples: Samples, settings: ExtractionSettings) -> set[int]:
    """Sample numbers at which a shot begins, by threshold and minimum length."""
    merge = FlashFilter(FlashFilter.Mode.MERGE, settings.min_scene_length)
    number_of = {int(frame): number for number, frame in enumerate(samples.frame_indices)}
    # The filter counts in frames; its rate is never asked for, but a FrameTimecode must have one.
    above = samples.scores >= settings.scene_threshold
    return {
        number_of[cut.frame_num]
        for frame, is_above in zip(samples.frame_indices, above, strict=True)
        for cut in merge.filter(FrameTimecode(int(frame), fps=1000.0), bool(is_above))
    }
