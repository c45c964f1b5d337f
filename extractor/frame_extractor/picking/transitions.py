"""Fades, dissolves and irises inside a shot, found in its coarse pictures. Pure.

They are no cuts: as cuts they would cost more than they find. But a frame in the middle of one shows two shots, or half
of one, and nobody wants to train on it; so picks stay out of them.

A transition is looked for in windows of four lengths. In a dissolve from A to B, every picture is A + a (B - A), with a
rising from 0 to 1. In a fade or an iris, nothing gets brighter until the picture is black, or nothing darker from black
on. Both change the picture by little more than the distance between A and B; where things or the camera move, the fine
picture changes much more than that. All is computed in integers, so that another machine decides the same.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from frame_extractor.features.sample import FEATURES, Features
from frame_extractor.picking.coarse_pictures import is_black

WINDOWS_S: Final = (8 / 24, 16 / 24, 32 / 24, 48 / 24)
TIME_TOLERANCE_S: Final = 0.001
MIN_SAMPLES: Final = 4
"""In a window, after its first: with fewer there is nothing to see between its ends."""
MIN_DISTANCE: Final = 14
"""Mean difference between the ends of a window: below this, the middle is as good as they are."""
MAX_FINE_PATH_PERCENT: Final = 450
"""Of the distance: sum of the differences between neighbouring fine pictures. More is motion."""
MAX_PATH_PERCENT: Final = 130
"""The same of coarse pictures."""
MAX_RESIDUAL_PERCENT: Final = 18
"""Of the distance: mean difference from A + a (B - A) of any picture in a dissolve."""
MAX_STEP_PERCENT: Final = 50
"""Of the distance: the largest between two neighbours in a dissolve. More is a cut."""
MAX_STEP_TO_BLACK_PERCENT: Final = 80
MAX_REVERSAL_PERCENT: Final = 10
"""Of the distance: how much may get brighter on the way to black."""
MIN_SHARE_PERCENT: Final = 15
"""Pictures this near to either end show one shot well enough."""

_Pictures = npt.NDArray[np.int64]
"""(n, tiles x channels)."""


class TransitionKind(enum.Enum):
    """What the pictures change to or from. An iris counts as a fade."""

    DISSOLVE = "dissolve"
    FADE_OUT = "fade_out"
    FADE_IN = "fade_in"


FADES: Final = (TransitionKind.FADE_OUT, TransitionKind.FADE_IN)


@dataclass(frozen=True)
class Transition:
    """Samples at positions [start, end) of a shot from which nothing is picked."""

    kind: TransitionKind
    start: int
    end: int


@dataclass(frozen=True)
class _Window:
    kind: TransitionKind
    first: int
    """Position of A."""
    distance: int
    is_between: npt.NDArray[np.bool_]
    """Of the samples from A to B: whether they are in the transition."""


def find_transitions(times_s: npt.NDArray[np.float64], features: Features) -> tuple[Transition, ...]:
    """Those of one shot, in order; they do not overlap. The arrays hold the shot's samples and no others."""
    strongest = np.zeros(len(times_s), np.int64)
    kinds: list[TransitionKind | None] = [None] * len(times_s)
    for window in _windows(times_s, features):
        for at in (window.first + np.flatnonzero(window.is_between)).tolist():
            if window.distance > strongest[at]:
                strongest[at], kinds[at] = window.distance, window.kind
    return tuple(_transitions(kinds))


def _transitions(kinds: list[TransitionKind | None]) -> Iterator[Transition]:
    """Runs of one kind. Where a fade begins or ends, its pictures are mixtures as well: no dissolve touches a fade."""
    start = 0
    running: TransitionKind | None = None
    for at, kind in enumerate([*kinds, None]):
        if kind is running or (running in FADES and kind is TransitionKind.DISSOLVE):
            continue
        if running is TransitionKind.DISSOLVE and kind in FADES:
            running = kind
            continue
        if running is not None:
            yield Transition(running, start, at)
        start, running = at, kind


def _windows(times_s: npt.NDArray[np.float64], features: Features) -> Iterator[_Window]:
    n = len(times_s)
    # In 1/256, which is finer than any decision needs, so that sums do not depend on their order.
    steps = np.rint(features["grey_difference"].astype(np.float64) * 256).astype(np.int64)
    fine_path = np.cumsum(steps)
    small = features["colours"].reshape(n, FEATURES["colours"].itemsize)
    for length_s in WINDOWS_S:
        firsts = np.arange(n)
        lasts = np.searchsorted(times_s, times_s + (length_s - TIME_TOLERANCE_S))
        is_inside = (lasts < n) & (lasts - firsts >= MIN_SAMPLES)
        firsts, lasts = firsts[is_inside], lasts[is_inside]
        distances = _distances(small, firsts, lasts)
        paths = (fine_path[lasts] - fine_path[firsts]) * small.shape[1]
        is_likely = distances >= MIN_DISTANCE * small.shape[1]
        is_likely &= paths * 100 <= distances * MAX_FINE_PATH_PERCENT * 256
        for first, last in zip(firsts[is_likely].tolist(), lasts[is_likely].tolist(), strict=True):
            window = _judged(small[first : last + 1].astype(np.int64), first)
            if window is not None:
                yield window


def _distances(small: npt.NDArray[np.uint8], firsts: npt.NDArray[np.intp], lasts: npt.NDArray[np.intp]) -> _Pictures:
    """Sums of absolute differences between pairs of pictures."""
    distances = np.empty(len(firsts), np.int64)
    for start in range(0, len(firsts), 4096):  # The differences of a long shot would take much memory at once.
        part = slice(start, start + 4096)
        a, b = small[firsts[part]].astype(np.int16), small[lasts[part]].astype(np.int16)
        distances[part] = np.abs(a - b).sum(axis=1, dtype=np.int64)
    return distances


def _judged(pictures: _Pictures, first: int) -> _Window | None:
    """The window from the first of these pictures to the last, if there is a transition in it."""
    distance = int(np.abs(pictures[-1] - pictures[0]).sum())
    steps = np.abs(np.diff(pictures, axis=0)).sum(axis=1)
    if steps.sum() * 100 > distance * MAX_PATH_PERCENT:
        return None
    largest = int(steps.max()) * 100
    if largest <= distance * MAX_STEP_TO_BLACK_PERCENT:
        if _goes_black(pictures, distance):
            is_between = _black_share(pictures) >= MIN_SHARE_PERCENT
            return _Window(TransitionKind.FADE_OUT, first, distance, is_between)
        if _goes_black(pictures[::-1], distance):
            is_between = _black_share(pictures[::-1])[::-1] >= MIN_SHARE_PERCENT
            return _Window(TransitionKind.FADE_IN, first, distance, is_between)
    shares = _fit(pictures, distance) if largest <= distance * MAX_STEP_PERCENT else None
    if shares is None:
        return None
    is_between = (shares >= MIN_SHARE_PERCENT) & (shares <= 100 - MIN_SHARE_PERCENT)
    return _Window(TransitionKind.DISSOLVE, first, distance, is_between)


def _fit(pictures: _Pictures, distance: int) -> npt.NDArray[np.int64] | None:
    """How much of the last picture is in each, in percent; None where they are no mixtures of the first and last."""
    way = pictures[-1] - pictures[0]
    gone = pictures - pictures[0]
    whole = int(way @ way)
    shares = gone @ way
    quarter = (len(pictures) - 1) / 4
    quarters = shares[[round(quarter), round(2 * quarter), round(3 * quarter)]]
    if not 0 < quarters[0] < quarters[1] < quarters[2] < whole:
        return None
    residuals = np.abs(whole * gone - shares[:, None] * way).sum(axis=1)
    if (residuals * 100 > MAX_RESIDUAL_PERCENT * distance * whole).any():
        return None
    return np.asarray(shares * 100 // whole)


def _goes_black(pictures: _Pictures, distance: int) -> bool:
    """Whether they get darker, steadily, until black."""
    if is_black(pictures[0]) or not is_black(pictures[-1]):
        return False
    brighter = np.maximum(np.diff(pictures, axis=0), 0).sum()
    return bool(brighter * 100 <= distance * MAX_REVERSAL_PERCENT)


def _black_share(pictures: _Pictures) -> npt.NDArray[np.int64]:
    """How far each is on the way to the last, by its brightness, in percent."""
    sums = pictures.sum(axis=1)
    return np.asarray((sums[0] - sums) * 100 // max(1, sums[0] - sums[-1]))
