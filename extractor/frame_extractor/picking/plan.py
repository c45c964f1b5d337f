"""Which frames are wanted: shots and settings to picks. Pure.

Shots are measured in samples (frames that were decoded), picks name frames of the film.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from frame_extractor.contract.settings import ExtractionSettings, Mode
from frame_extractor.features.samples import Samples
from frame_extractor.picking.shots import Shot

GRID_PICKS = 4
"""A shot's grid holds at most this many times the frames wanted of it, so that a worker can keep them all."""
MARGIN = 10
"""The first and last 1/MARGIN of a shot are left alone: fades, and motion blur into the cut."""


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """One frame that is wanted, and why: a place in a shot, an interval, or both."""

    frame_index: int
    time_s: float
    scene: int | None = None
    """Number of the shot, from 0."""
    position: int | None = None
    """Place among the shot's picks, from 0."""
    interval: int | None = None
    """Number of the interval, from 0."""


def plan(samples: Samples, shots: Sequence[Shot], settings: ExtractionSettings) -> tuple[Pick, ...]:
    """The frames wanted of a film, by frame index, each once."""
    return tuple(pick for scene, shot in enumerate(shots) for pick in plan_shot(samples, scene, shot, settings))


def plan_shot(samples: Samples, scene: int, shot: Shot, settings: ExtractionSettings) -> Iterator[Pick]:
    """The frames wanted between the ends of one shot, by frame index: those of the shot, and those of intervals."""
    positions: dict[int, int] = {}
    if settings.mode is not Mode.INTERVAL:
        picks = shot_picks(samples.numbers[shot.start : shot.end].tolist(), settings.most_per_shot)
        positions = {number: position for position, number in enumerate(picks)}
    for at in range(shot.start, shot.end):
        position = positions.get(int(samples.numbers[at]))
        interval = None
        if settings.mode is not Mode.SCENE:
            before_s = None if at == 0 else float(samples.times_s[at - 1])
            interval = interval_begun(before_s, float(samples.times_s[at]), settings.interval_seconds)
        if position is not None or interval is not None:
            yield Pick(
                frame_index=int(samples.frame_indices[at]),
                time_s=float(samples.times_s[at]),
                scene=None if position is None else scene,
                position=position,
                interval=interval,
            )


def grid_step(length: int, wanted: int) -> int:
    """The smallest power of two that leaves at most GRID_PICKS x `wanted` of `length` samples."""
    step = 1
    while length / step > GRID_PICKS * wanted:
        step *= 2
    return step


def shot_picks(numbers: Sequence[int], wanted: int) -> list[int]:
    """Of a shot's sample numbers: `wanted` of them, or all there are; evenly spread, off its edges.

    Only multiples of the grid step are picked, counted from the start of the film: which samples these are is known
    before the shot's end is.
    """
    step = grid_step(len(numbers), wanted)
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
