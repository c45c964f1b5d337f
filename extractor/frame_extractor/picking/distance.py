"""How far apart two frames of a shot are, from their coarse pictures: near-duplicates, and motion. Pure.

The distance T is the largest mean difference of RGB in any window of the two coarse pictures: a blink or a turned head
changes a small part of a frame much, and a mean over all of it little. From sums of integers, so that another machine
decides the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from frame_extractor.features.sample import Features

WINDOW: Final = 2
"""Tiles of the coarse picture in a window, across and down."""
DISTINCT_FROM: Final = 12.0
"""Two frames of a shot whose T is not above this are near-duplicates. See docs/decisions/0070."""
MOTION_S: Final = 1 / 24
"""Motion is T for this much time."""

Distances = npt.NDArray[np.float64]


def distance(a: Features, b: Features) -> Distances:
    """T between each of `a` and each of `b`, by broadcasting: from 0 up to 255."""
    difference = np.abs(a["colours"].astype(np.int16) - b["colours"])
    tiles = difference.sum(axis=-1, dtype=np.int32)
    rows = sum(tiles[..., nth : tiles.shape[-2] - WINDOW + 1 + nth, :] for nth in range(WINDOW))
    windows = sum(rows[..., nth : rows.shape[-1] - WINDOW + 1 + nth] for nth in range(WINDOW))
    return np.asarray(windows.max(axis=(-2, -1)) / (3 * WINDOW * WINDOW))


def motion(features: Features, times_s: npt.NDArray[np.float64]) -> Distances:
    """Of each sample of a shot: the smaller T to the sample before and after it, for MOTION_S of time between them.

    The first and the last have one neighbour, a shot of one sample has no motion.
    """
    if len(features) < 2:
        return np.zeros(len(features))
    # To a millisecond, as containers have them.
    between_s = np.maximum(np.round(np.diff(times_s), 3), 0.001)
    steps = distance(features[:-1], features[1:]) * (MOTION_S / between_s)
    before, after = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
    return np.asarray(np.minimum(before, after).round(3))
