"""Whether two pictures that differ much are of one shot all the same, by the coarse pictures around them. Pure.

In integers, so that another machine decides the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from frame_extractor.picking.coarse_pictures import Colours, is_black

MAX_RETURN_PERCENT: Final = 50
"""Of the change at a cut: the pictures behind it come no nearer than this to the one before it."""
MIN_RETURN_CORRELATION_PERCENT: Final = 60
"""Between what was shown before an interruption and after it. Two shots with a white frame between them have less."""
MAX_FADE_STEP_PERCENT: Final = 80
"""Of the whole way to black or from it: more in one step is a cut to black or from it."""
MAX_DISSOLVE_STEP_PERCENT: Final = 50
"""Of the whole way from one picture to another: more in one step is a cut."""
MAX_DETOUR_PERCENT: Final = 115
"""Of the same way: how long it is over the pictures on both sides of a step. In a dissolve they lie on it."""
MIN_DIRECTION_PERCENT: Final = 90
"""Cosine between a step and the whole way: in a dissolve they have one direction."""
MAX_REVERSAL_PERCENT: Final = 15
"""Of a step towards black: how much may get brighter in it."""
NOISE_HALF_LEVELS: Final = 1
"""Mean change of a picture that is noise, in halves of a level."""
MIN_CORRELATION_PERCENT: Final = 92
"""Between two pictures of one place in different light."""
MIN_GAIN_PERCENT: Final = 160
"""Of the light, where it changes; less is a jump cut."""
MIN_DEVIATION: Final = 3
"""Of a picture: below it there is nothing to compare."""


def is_interruption(before: Sequence[Colours], behind: Sequence[Colours]) -> bool:
    """Whether what was shown before a step is shown again soon after it, or what is shown after it was shown before.

    Then something short lies between: a flash, a black frame, something that passes the camera. The step is from the
    last picture of `before` to the first of `behind`.
    """
    change = distance(before[-1], behind[0])
    pairs = [*((before[-1], later) for later in behind[1:]), *((earlier, behind[0]) for earlier in before[:-1])]
    return any(
        100 * distance(a, b) < MAX_RETURN_PERCENT * change and _is_correlated(a, b, MIN_RETURN_CORRELATION_PERCENT)
        for a, b in pairs
    )


def is_light_change(before: Colours, behind: Colours) -> bool:
    """Whether both show the same, much brighter or darker."""
    darker, brighter = sorted((before, behind), key=lambda picture: int(picture.sum()))
    if min(_variance(darker), _variance(brighter)) < (MIN_DEVIATION * len(darker)) ** 2:
        return False
    is_brighter = 100 * _covariance(darker, brighter) >= MIN_GAIN_PERCENT * _variance(darker)
    return is_brighter and _is_correlated(darker, brighter, MIN_CORRELATION_PERCENT)


def is_fade_step(before: Sequence[Colours], behind: Sequence[Colours]) -> bool:
    """Whether the step from `before` to `behind` is one of several to black, or from black."""
    return _is_step_to_black([*before, *behind], len(before) - 1) or _is_step_to_black(
        [*reversed(behind), *reversed(before)], len(behind) - 1
    )


def is_dissolve_step(before: Sequence[Colours], behind: Sequence[Colours]) -> bool:
    """Whether the step from `before` to `behind` is one of several from one picture to another, none of them large."""
    last, first = before[-1], behind[0]
    change = distance(last, first)
    around = [(distance(earlier, last), earlier) for earlier in before[:-1]]
    ahead = [(distance(first, later), later) for later in behind]
    steps = [distance(a, b) for a, b in itertools.pairwise([*before, *behind])]
    for n_before, (to_step, start) in enumerate(around):
        for n_behind, (from_step, end) in enumerate(ahead):
            way = distance(start, end)
            largest = max(steps[n_before : len(before) + n_behind])
            is_on_way = 100 * (to_step + change + from_step) <= MAX_DETOUR_PERCENT * way
            is_small = 100 * largest <= MAX_DISSOLVE_STEP_PERCENT * way
            if is_on_way and is_small and _have_one_direction(first - last, end - start):
                return True
    return False


def _is_step_to_black(pictures: Sequence[Colours], step: int) -> bool:
    """Whether the step from picture `step` to the next is less than all of the steady way to black around it."""
    darkenings = [_darkening(a, b) for a, b in itertools.pairwise(pictures)]
    if darkenings[step] is None:
        return False
    first = last = step
    while first > 0 and darkenings[first - 1] is not None:
        first -= 1
    while last + 1 < len(darkenings) and darkenings[last + 1] is not None:
        last += 1
    if not is_black(pictures[last + 1]):
        return False
    way = sum(darkening or 0 for darkening in darkenings[first : last + 1])
    return 100 * (darkenings[step] or 0) <= MAX_FADE_STEP_PERCENT * way


def _darkening(before: Colours, behind: Colours) -> int | None:
    """By how much the picture gets darker; None where some of it gets brighter. Noise is neither."""
    change = behind - before
    darkening = -int(change.sum())
    reversal = int(np.maximum(change, 0).sum())
    noise = NOISE_HALF_LEVELS * len(change) // 2
    if 100 * (reversal - noise) > MAX_REVERSAL_PERCENT * max(darkening, 0):
        return None
    return max(darkening, 0)


def distance(a: Colours, b: Colours) -> int:
    """Sum of absolute differences."""
    return int(np.abs(a - b).sum())


def _is_correlated(a: Colours, b: Colours, percent: int) -> bool:
    """Whether the correlation of two pictures is at least this; false where one is of a single colour."""
    covariance = _covariance(a, b)
    return covariance > 0 and 100**2 * covariance**2 >= percent**2 * _variance(a) * _variance(b)


def _have_one_direction(a: Colours, b: Colours) -> bool:
    product = int(a @ b)
    return product > 0 and 100**2 * product**2 >= MIN_DIRECTION_PERCENT**2 * int(a @ a) * int(b @ b)


def _covariance(a: Colours, b: Colours) -> int:
    """Times the square of their length."""
    return len(a) * int(a @ b) - int(a.sum()) * int(b.sum())


def _variance(a: Colours) -> int:
    """Times the square of its length."""
    return _covariance(a, a)
