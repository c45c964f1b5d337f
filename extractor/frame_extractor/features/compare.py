"""How much a frame differs from the one before it: PySceneDetect's content score, and the grey difference.

The content score is the same figure as `scenedetect.detectors.ContentDetector` computes with its default weights: the
mean absolute difference of hue, saturation and value, averaged over the three. Here both can be computed between any
two frames, so that workers can measure stretches of a film and the difference across their edge is not lost.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2

from frame_extractor.features.small_picture import SmallPicture


class Change(NamedTuple):
    """From 0 for equal pictures up to 255."""

    score: float
    """Content score: of hue, saturation and value."""
    grey_difference: float
    """Mean absolute difference of luma."""


NO_CHANGE = Change(0.0, 0.0)
"""Of a sample that has none before it: the first of a film, and the first after a break."""


def compare(before: SmallPicture | None, now: SmallPicture) -> Change:
    """The change from one picture to the next, of equal size; NO_CHANGE where there is none before it.

    Sums of integers divided once: the same on every machine.
    """
    if before is None:
        return NO_CHANGE
    return Change(
        cv2.norm(before.hsv, now.hsv, cv2.NORM_L1) / now.hsv.size,
        cv2.norm(before.grey, now.grey, cv2.NORM_L1) / now.grey.size,
    )
