"""Which frames of a shot are chosen: those that differ from each other, the calmest first. Pure.

The rule is farthest-point sampling. It begins with the calmest frame; then, among the frames that are no near-duplicate
of a chosen one, it takes the one farthest from all chosen, less its motion. Every choice depends on those before it
and not on how many are wanted: with more wanted, the same frames are chosen and others besides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from frame_extractor.contract.results import RejectReason
from frame_extractor.features.sample import Features
from frame_extractor.picking.distance import DISTINCT_FROM, Distances, distance, motion

BLACK_BELOW_LUMA_P98 = 24
UNIFORM_BELOW_LUMA_DEVIATION_HALVES = 12
"""Standard deviation 6."""
NEAREST_OF = 100
"""On each side in time: an hour without a cut may have thousands of images, too many to compare each with all."""


class Nearest(NamedTuple):
    """Of some frames the one with the smallest T."""

    position: int
    distance: float


@dataclass(frozen=True)
class LeftOut:
    """A frame that would have been chosen, and is not."""

    position: int
    reason: RejectReason
    nearest: Nearest | None
    """Of the frames chosen, or of those removed; None where there is none."""


@dataclass(frozen=True)
class Selected:
    """Positions are those of samples in the shot."""

    chosen: tuple[int, ...]
    """In order of time. A frame that the user has removed is among them: it is chosen, and stays removed."""
    left_out: tuple[LeftOut, ...]
    """In order of time; with the chosen as many as were wanted, or all candidates."""


def select(
    features: Features,
    times_s: npt.NDArray[np.float64],
    candidates: Sequence[int],
    wanted: int | None,
    *,
    in_transition: Collection[int] = (),
    removed: Collection[int] = (),
    at_most: int = 60,
) -> Selected:
    """Of one shot: `features` and `times_s` of all its samples, and positions among them of those to choose from.

    `wanted` None chooses all that are distinct, up to `at_most`; what is left out of those is given only where
    nothing is chosen. Among equals the lower position wins, whatever the order of `candidates`.
    """
    calmness = -motion(features, times_s)
    all_of_them = np.unique(np.asarray(candidates, dtype=np.int64))
    reasons = barred(features, all_of_them, in_transition)
    unbarred = all_of_them[[position not in reasons for position in all_of_them.tolist()]]
    n_most = at_most if wanted is None else wanted
    order = _farthest_first(features, calmness, unbarred, n_most, distinct_from=DISTINCT_FROM)
    in_order, removed_in_order = sorted(order), sorted(removed)
    near_removed = [
        LeftOut(position, RejectReason.NEAR_REMOVED, found)
        for position in order
        if position not in removed
        and (found := nearest(features, position, removed_in_order)) is not None
        and found.distance <= DISTINCT_FROM
    ]
    n_lost = (0 if order else 1) if wanted is None else wanted - len(order)
    lost = [
        LeftOut(position, reasons.get(position, RejectReason.NEAR_DUPLICATE), nearest(features, position, in_order))
        for position in _farthest_first(features, calmness, all_of_them, n_lost, after=order)
    ]
    return Selected(
        chosen=tuple(sorted(set(order) - {each.position for each in near_removed})),
        left_out=tuple(sorted([*near_removed, *lost], key=lambda each: each.position)),
    )


def nearest(features: Features, position: int, others: Sequence[int]) -> Nearest | None:
    """Of these samples, less the one at `position` itself, the one nearest to it; the lower of equals.

    `others` are in order; NEAREST_OF of them before `position` and as many after it count.
    """
    end = bisect_left(others, position)
    start = bisect_right(others, position)
    at = np.array([*others[max(0, end - NEAREST_OF) : end], *others[start : start + NEAREST_OF]], dtype=np.int64)
    if not len(at):
        return None
    distances = distance(features[at], features[position])
    nth = int(distances.argmin())
    return Nearest(int(at[nth]), float(distances[nth]))


def barred(
    features: Features, candidates: npt.NDArray[np.int64], in_transition: Collection[int]
) -> dict[int, RejectReason]:
    """Candidates that are not to be chosen, and why."""
    reasons = dict.fromkeys(set(in_transition) & set(candidates.tolist()), RejectReason.TRANSITION)
    is_uniform = features["luma_deviation_halves"][candidates] < UNIFORM_BELOW_LUMA_DEVIATION_HALVES
    reasons |= dict.fromkeys(candidates[is_uniform].tolist(), RejectReason.UNIFORM)
    is_black = features["luma_p98"][candidates] < BLACK_BELOW_LUMA_P98
    return reasons | dict.fromkeys(candidates[is_black].tolist(), RejectReason.BLACK)


def _farthest_first(
    features: Features,
    calmness: Distances,
    candidates: npt.NDArray[np.int64],
    n_most: int,
    *,
    after: Sequence[int] = (),
    distinct_from: float | None = None,
) -> list[int]:
    """Candidates in the order in which they are chosen after those chosen already: `n_most`, or until none is left
    that is farther than `distinct_from` from all chosen.
    """
    colours = features[candidates]
    smallest = np.full(len(candidates), np.inf)
    for position in after:
        smallest = np.minimum(smallest, distance(colours, features[position]))
    is_left = ~np.isin(candidates, after)
    order: list[int] = []
    while len(order) < n_most:
        if distinct_from is not None:
            is_left &= smallest > distinct_from
        if not is_left.any():
            break
        # The first is the calmest: there is nothing yet to be far from.
        gain = calmness[candidates] + (smallest if after or order else 0.0)
        nth = int(np.where(is_left, gain, -np.inf).argmax())
        order.append(int(candidates[nth]))
        is_left[nth] = False
        smallest = np.minimum(smallest, distance(colours, colours[nth]))
    return order
