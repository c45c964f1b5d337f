"""Which frames are wanted: shots and settings to picks. Pure.

Shots are measured in samples (frames that were decoded), picks name frames of the film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from frame_extractor.contract import ExtractionSettings, Mode
from frame_extractor.shots import Samples, Shot

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
    places: dict[int, tuple[int, int]] = {}
    if settings.mode is not Mode.INTERVAL:
        for scene, shot in enumerate(shots):
            for position, sample in enumerate(shot_picks(shot, settings.frames_per_scene)):
                places[sample] = (scene, position)
    intervals: dict[int, int] = {}
    if settings.mode is not Mode.SCENE:
        for interval, sample in interval_picks(samples, settings.interval_seconds):
            intervals.setdefault(sample, interval)
    return tuple(
        Pick(
            frame_index=int(samples.frame_indices[sample]),
            time_s=float(samples.times_s[sample]),
            scene=places[sample][0] if sample in places else None,
            position=places[sample][1] if sample in places else None,
            interval=intervals.get(sample),
        )
        for sample in sorted(places.keys() | intervals.keys())
    )


def grid_step(length: int, wanted: int) -> int:
    """The smallest power of two that leaves at most GRID_PICKS x `wanted` of `length` samples."""
    step = 1
    while length / step > GRID_PICKS * wanted:
        step *= 2
    return step


def shot_picks(shot: Shot, wanted: int) -> list[int]:
    """Sample numbers of a shot's picks: `wanted` of them, or all the shot has; evenly spread, off its edges.

    Only multiples of the grid step are picked, counted from the start of the film: which frames these are is known
    before the shot's end is.
    """
    step = grid_step(len(shot), wanted)
    trimmed = _without_margins(shot, wanted)
    eligible = range(-(-trimmed.start // step) * step, trimmed.end, step)
    if len(eligible) <= wanted:
        return list(eligible)
    if wanted == 1:
        return [eligible[len(eligible) // 2]]
    last = len(eligible) - 1
    # Rounded half up in integers: floats would round the same pick differently on another machine.
    return [eligible[(2 * nth * last + wanted - 1) // (2 * (wanted - 1))] for nth in range(wanted)]


def _without_margins(shot: Shot, wanted: int) -> Shot:
    if len(shot) <= wanted + 2:
        return shot
    margin = min(len(shot) // MARGIN, (len(shot) - wanted) // 2)
    return Shot(shot.start + margin, shot.end - margin)


def interval_picks(samples: Samples, interval_s: float) -> Iterator[tuple[int, int]]:
    """(interval number, sample number): the first sample at or after each multiple of `interval_s`, once each."""
    if len(samples) == 0:
        return
    n_intervals = int(samples.times_s[-1] / interval_s) + 1
    due = np.arange(n_intervals) * interval_s
    numbers = np.searchsorted(samples.times_s, due - TIME_ROUNDING_S)
    for interval, sample in enumerate(numbers):
        if sample < len(samples):
            yield interval, int(sample)


TIME_ROUNDING_S = 0.0005
"""A frame this little before its interval is taken for on time: containers round times to a millisecond."""
