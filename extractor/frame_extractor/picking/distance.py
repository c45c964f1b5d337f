"""How far apart two frames of a shot are, from their coarse pictures: near-duplicates, and motion. Pure.

The distance T is the largest mean difference of RGB in any window of two by two tiles of the coarse pictures: a blink
or a turned head changes a small part of a frame much, and a mean over all of it little. A slow move of the camera is
discounted: T is measured with one picture shifted as a whole to fit the other, where that makes it smaller. So is what
comes and goes at the edges of the frame.

All sums are of whole numbers, exact in floats, so that another machine decides the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from frame_extractor.features.sample import COLOURS_HEIGHT, COLOURS_WIDTH, Features

DISTINCT_FROM: Final = 16.0
"""Two frames of a shot whose T is not above this are near-duplicates: of the pairs that others have judged, it finds 41
of 43, and takes 10 of 29 others for such. See docs/decisions/0070."""
EDGE_WEIGHT: Final = 0.6
"""Of a window at an edge of the frame, where what matters is seldom; a corner has the square of it."""
MOTION_S: Final = 1 / 24
"""Motion is T for this much time."""

_SHIFT_STEPS: Final = 16
"""A shift is found to this part of a tile."""
_MAX_SHIFT: Final = 24
"""In those steps: one tile and a half, a tenth of the frame's width."""
_SHIFT_WEIGHT: Final = 7
"""Keeps the shift of pictures without structure at none."""

_ROWS_AT_ONCE: Final = 4096


def _weights(n_tiles: int) -> npt.NDArray[np.float64]:
    """Of windows along one side: 1 in the middle, EDGE_WEIGHT at the edges; in 1/32, which products keep exact."""
    from_middle = np.abs(np.arange(n_tiles - 1) - (n_tiles - 2) / 2) / ((n_tiles - 2) / 2)
    return np.asarray((32 * (1 - (1 - EDGE_WEIGHT) * from_middle)).round() / 32)


_WEIGHTS: Final = _weights(COLOURS_HEIGHT)[:, None] * _weights(COLOURS_WIDTH)

Distances = npt.NDArray[np.float64]
_Pictures = npt.NDArray[np.float64]
"""Coarse pictures, or differences of them: whole numbers, (..., height, width, 3)."""


def distance(a: Features, b: Features) -> Distances:
    """T between each of `a` and each of `b`, by broadcasting: from 0 up to 255. It has no direction."""
    first, second = a["colours"].astype(np.float64), b["colours"].astype(np.float64)
    difference = second - first
    # A picture that is shifted by (u, v) changes by its slopes, u and v times.
    across, down = _slopes(first + second)
    u, v = _shift(difference, across, down)
    shifted = 4 * _SHIFT_STEPS * difference - u * across - v * down
    return np.minimum(_largest_in_window(difference), _largest_in_window(shifted) / (4 * _SHIFT_STEPS))


def motion(features: Features, times_s: npt.NDArray[np.float64]) -> Distances:
    """Of each sample of a shot: the smaller difference to the sample before and after it, for MOTION_S between them.

    It is T without the discount: a frame of a moving camera is blurred as well. The first and the last sample have one
    neighbour, a shot of one sample has no motion.
    """
    if len(features) < 2:
        return np.zeros(len(features))
    # To a millisecond, as containers have them.
    between_s = np.maximum(np.diff(times_s).round(3), 0.001)
    steps = _differences(features) * (MOTION_S / between_s)
    before, after = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
    return np.asarray(np.minimum(before, after).round(3))


def _differences(features: Features) -> Distances:
    """Between each sample and the next."""
    # Those of a long shot would take gigabytes at once.
    starts = range(0, len(features) - 1, _ROWS_AT_ONCE)
    rows = (features["colours"][start : start + _ROWS_AT_ONCE + 1].astype(np.float64) for start in starts)
    return np.concatenate([_largest_in_window(np.diff(each, axis=0)) for each in rows])


def _largest_in_window(difference: _Pictures) -> Distances:
    absolute = np.abs(difference)
    # Sums over axes as short as these are many times slower than sums of slices.
    tiles = absolute[..., 0] + absolute[..., 1] + absolute[..., 2]
    pairs = tiles[..., :-1] + tiles[..., 1:]
    windows = pairs[..., :-1, :] + pairs[..., 1:, :]
    return np.asarray((windows * _WEIGHTS).max(axis=(-2, -1)) / (3 * 2 * 2))


def _slopes(total: _Pictures) -> tuple[_Pictures, _Pictures]:
    """From tile to tile, across and down, of the mean of two pictures whose sum is given: times four."""
    across, down = np.empty_like(total), np.empty_like(total)
    np.subtract(total[..., 2:, :], total[..., :-2, :], out=across[..., 1:-1, :])
    np.subtract(total[..., 2:, :, :], total[..., :-2, :, :], out=down[..., 1:-1, :, :])
    for edge, inner, outer in ((0, 1, 0), (-1, -1, -2)):
        across[..., edge, :] = 2 * (total[..., inner, :] - total[..., outer, :])
        down[..., edge, :, :] = 2 * (total[..., inner, :, :] - total[..., outer, :, :])
    return across, down


def _shift(difference: _Pictures, across: _Pictures, down: _Pictures) -> tuple[_Pictures, _Pictures]:
    """How far, in _SHIFT_STEPS, the second picture is shifted against the first: what explains most of the difference
    by least squares.
    """
    aa, dd = _dot(across, across) + _SHIFT_WEIGHT, _dot(down, down) + _SHIFT_WEIGHT
    ad, ax, dx = _dot(across, down), _dot(across, difference), _dot(down, difference)
    determinant = aa * dd - ad * ad
    return _steps((ax * dd - dx * ad) / determinant), _steps((dx * aa - ax * ad) / determinant)


def _steps(quarter_tiles: Distances) -> _Pictures:
    steps: _Pictures = (4 * _SHIFT_STEPS * quarter_tiles).round().clip(-_MAX_SHIFT, _MAX_SHIFT)
    return steps[..., None, None, None]


def _dot(a: _Pictures, b: _Pictures) -> Distances:
    return np.asarray(np.einsum("...ijk,...ijk->...", a, b))
