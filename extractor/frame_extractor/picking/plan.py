"""Picks and what decides them besides the pictures: the grid of a shot, frames spread evenly over it, intervals. Pure.

Shots are measured in samples (frames that were decoded), picks name frames of the film.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from frame_extractor.contract.results import RejectReason
from frame_extractor.contract.settings import ExtractionSettings, Selection
from frame_extractor.picking.measures import Measures

GRID_PICKS = 4
"""A shot's grid holds at most this many times the frames wanted of it, so that a worker can keep them all."""
MAX_GRID_BYTES = 384 << 20
"""Pictures that a worker holds at most; at 4K that is 15. What would have been wanted beyond is read a second time."""
MARGIN = 10
"""The first and last 1/MARGIN of a shot are left alone: fades, and motion blur into the cut."""


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """One frame that is wanted, and why: a place in a shot, an interval, or both; or that was, and is left out."""

    frame_index: int
    time_s: float
    scene: int | None = None
    """Number of the shot, from 0."""
    position: int | None = None
    """Place among the shot's picks, from 0."""
    interval: int | None = None
    """Number of the interval, from 0."""
    rejected: RejectReason | None = None
    """Why it is left out; None for a frame that is wanted."""
    near_frame_index: int | None = None
    """Of a frame that is left out: the frame nearest to it of those that were chosen, or that a user has removed."""
    measures: Measures | None = None


def grid_size(settings: ExtractionSettings, picture_bytes: int) -> int:
    """How many samples of a shot its picks are chosen from, at most."""
    size = GRID_PICKS * settings.most_per_shot
    if settings.selection is Selection.EVEN:
        return size
    # Those that a worker cannot hold would have to be read a second time.
    least = 1 if settings.frames_per_scene == "auto" else settings.most_per_shot
    return max(min(size, MAX_GRID_BYTES // picture_bytes), least)


def grid_step(length: int, size: int) -> int:
    """The smallest power of two that leaves at most `size` of `length` samples."""
    step = 1
    while length / step > size:
        step *= 2
    return step


def on_grid(numbers: Sequence[int], size: int) -> list[int]:
    """Positions of those samples of a shot that are on its grid: the multiples of its step.

    They are counted from the start of the film, so which samples these are is known before the shot's end is.
    """
    step = grid_step(len(numbers), size)
    return [position for position, number in enumerate(numbers) if number % step == 0]


def shot_picks(numbers: Sequence[int], wanted: int) -> list[int]:
    """Of a shot's sample numbers: `wanted` of them on its grid, or all there are; evenly spread, off its edges."""
    step = grid_step(len(numbers), GRID_PICKS * wanted)
    margin = _margin(len(numbers), wanted)
    eligible = [number for number in numbers[margin : len(numbers) - margin] if number % step == 0]
    if len(eligible) <= wanted:
        return eligible
    if wanted == 1:
        return [eligible[len(eligible) // 2]]
    last = len(eligible) - 1
    # Rounded half up in integers: floats would round the same pick differently on another machine.
    return [eligible[(2 * nth * last + wanted - 1) // (2 * (wanted - 1))] for nth in range(wanted)]


def _margin(length: int, wanted: int) -> int:
    if length <= wanted + 2:
        return 0
    return min(length // MARGIN, (length - wanted) // 2)


def interval_begun(before_s: float | None, time_s: float, interval_s: float) -> int | None:
    """The number of the interval of which the frame at `time_s` is the first; None when there is none.

    `before_s` is the time of the sample before it, None for the film's first. Where several intervals begin between
    the two, the frame stands for the earliest.
    """
    if before_s is None:
        return 0
    due = _interval_of(before_s, interval_s) + 1
    return due if _interval_of(time_s, interval_s) >= due else None


def _interval_of(time_s: float, interval_s: float) -> int:
    return math.floor((time_s + TIME_TOLERANCE_S) / interval_s)


TIME_TOLERANCE_S = 0.0005
"""A frame this little before its interval is taken for on time: containers round times to a millisecond."""
