"""The features of a sample, computed once from its small picture and kept instead of it."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from frame_extractor.features.compare import Change, compare
from frame_extractor.features.small_picture import SmallPicture

COLOURS_WIDTH: Final = 16
COLOURS_HEIGHT: Final = 9

FEATURES: Final = np.dtype(
    [
        # Content score and grey difference against the sample before; 0 for the first of a film and after a break.
        ("score", np.float64),
        ("grey_difference", np.float32),
        ("luma_mean", np.uint8),
        # In halves: the deviation of values from 0 to 255 is at most 127.5.
        ("luma_deviation_halves", np.uint8),
        # The luma that 98 % of the pixels do not exceed.
        ("luma_p98", np.uint8),
        # Gradient energy: mean square of the differences between neighbouring pixels' luma, right and below.
        ("sharpness", np.uint16),
        # The frame in RGB, averaged over tiles.
        ("colours", np.uint8, (COLOURS_HEIGHT, COLOURS_WIDTH, 3)),
    ]
)
"""One sample, in 449 bytes. All but the score are integers or exact sums, so that another machine decides the same."""

_LUMAS: Final = np.arange(256)

Features = npt.NDArray[np.void]
"""Structured array of FEATURES, of any shape."""


def measure(before: SmallPicture | None, now: SmallPicture) -> Features:
    """One row: the features of the sample `now`. `before` is None where it has no sample before it."""
    row = np.zeros(1, dtype=FEATURES)
    set_change(row, compare(before, now))
    _set_luma_statistics(row, now)
    row["sharpness"] = min(_gradient_energy(now), np.iinfo(np.uint16).max)
    row["colours"] = cv2.resize(now.rgb, (COLOURS_WIDTH, COLOURS_HEIGHT), interpolation=cv2.INTER_AREA)
    return row


def set_change(row: Features, change: Change) -> None:
    """Its change from the sample before it becomes known, or another: across the edge of two spans."""
    row["score"] = change.score
    row["grey_difference"] = change.grey_difference


def luma(features: Features) -> npt.NDArray[np.uint8]:
    """The coarse pictures in grey: uint8, (..., COLOURS_HEIGHT, COLOURS_WIDTH); BT.601 in integers."""
    red, green, blue = np.moveaxis(features["colours"].astype(np.uint32), -1, 0)
    grey = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return np.asarray(grey, dtype=np.uint8)


def _set_luma_statistics(row: Features, picture: SmallPicture) -> None:
    counts = cv2.calcHist([picture.grey], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    n_pixels = picture.grey.size
    total, total_of_squares = int(counts @ _LUMAS), int(counts @ _LUMAS**2)
    row["luma_mean"] = total // n_pixels
    # The square root of the variance, doubled and rounded down, without a float.
    row["luma_deviation_halves"] = math.isqrt(4 * (total_of_squares * n_pixels - total * total)) // n_pixels
    row["luma_p98"] = int(np.searchsorted(100 * counts.cumsum(), 98 * n_pixels))


def _gradient_energy(picture: SmallPicture) -> int:
    grey = picture.grey
    across = cv2.norm(grey[:, 1:], grey[:, :-1], cv2.NORM_L2SQR) if grey.shape[1] > 1 else 0.0
    down = cv2.norm(grey[1:], grey[:-1], cv2.NORM_L2SQR) if grey.shape[0] > 1 else 0.0
    return int(across + down) // grey.size
