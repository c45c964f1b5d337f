"""How much a frame differs from the one before it: PySceneDetect's content score on a small picture.

The same figure as `scenedetect.detectors.ContentDetector` computes with its default weights: the mean absolute
difference of hue, saturation and value, averaged over the three. Here it can be computed between any two frames, so
that workers can score stretches of a film and the score across their edge is not lost.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from frame_extractor.reading.film import Rgb

SMALL_WIDTH = 256
"""Scoring is done on pictures this wide, as PySceneDetect does by default."""

Hsv = npt.NDArray[np.uint8]
"""A small picture for scoring: uint8, (h, w, 3); hue 0-179, saturation and value 0-255."""


def small_hsv(picture: Rgb) -> Hsv:
    """The picture as scoring sees it: at most SMALL_WIDTH wide, in HSV."""
    height, width = picture.shape[:2]
    if width > SMALL_WIDTH:
        factor = width / SMALL_WIDTH
        size = (SMALL_WIDTH, max(1, round(height / factor)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), dtype=np.uint8)


def content_score(before: Hsv, after: Hsv) -> float:
    """From 0 for equal pictures up to 255. At `scene_threshold` or more, `after` begins a shot."""
    return cv2.norm(before, after, cv2.NORM_L1) / before.size
