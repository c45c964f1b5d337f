"""Fades and dissolves inside a shot, from its features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from frame_extractor.features.sample import FEATURES
from frame_extractor.picking.transitions import TransitionKind, find_transitions

FPS = 24
N = 96
FIRST, LAST = 36, 60
"""Of the transition: pure before and after these."""
A, B = (np.random.default_rng(seed).integers(20, 236, (9, 16, 3)).astype(np.float64) for seed in (1, 2))
BLACK = np.zeros_like(A)

Picture = NDArray[np.float64]


def share_of(frame: float) -> float:
    """How far the transition has come."""
    return float(np.clip((frame - FIRST) / (LAST - FIRST), 0, 1))


def found(
    picture_at: Callable[[int], Picture], frames: list[int] | None = None
) -> list[tuple[TransitionKind, int, int]]:
    """Kind, first and last frame of what is found in a shot of N frames, of which these were decoded."""
    frames = frames or list(range(N))
    rows = np.zeros(len(frames), FEATURES)
    rows["colours"] = [np.rint(picture_at(frame)) for frame in frames]
    steps = np.abs(np.diff(rows["colours"].astype(int), axis=0)).mean(axis=(1, 2, 3))
    rows["grey_difference"][1:] = steps
    return [
        (each.kind, frames[each.start], frames[each.end - 1]) for each in find_transitions(np.array(frames) / FPS, rows)
    ]


def dissolve(frame: int) -> Picture:
    return np.asarray(A + share_of(frame) * (B - A))


def iris(frame: int) -> Picture:
    """Closes from the edges: columns turn black, from outside."""
    columns = np.abs(np.arange(16) - 7.5)
    return np.asarray(A * (columns < 8.5 * (1 - share_of(frame)))[None, :, None])


@pytest.mark.parametrize(
    ("picture_at", "kind"),
    [
        (dissolve, TransitionKind.DISSOLVE),
        (lambda frame: A * (1 - share_of(frame)), TransitionKind.FADE_OUT),
        (lambda frame: A * share_of(frame), TransitionKind.FADE_IN),
        (iris, TransitionKind.FADE_OUT),
    ],
    ids=["dissolve", "fade-out", "fade-in", "iris"],
)
@pytest.mark.parametrize("decoded", ["every frame", "unevenly spaced"])
def test_pictures_between_two_are_kept_out(
    picture_at: Callable[[int], Picture], kind: TransitionKind, decoded: str
) -> None:
    """From 15 % to 85 % of the way at least, and little more; but for what is black as well."""
    frames = [frame for frame in range(N) if decoded == "every frame" or frame % 5 in (0, 2, 3)]
    ((kind_found, first, last),) = found(picture_at, frames)
    assert kind_found is kind
    between = [frame for frame in frames if 0.15 <= share_of(frame) <= 0.85]
    assert (0 if kind is TransitionKind.FADE_IN else FIRST) <= first <= between[0]
    assert between[-1] <= last <= (N - 1 if kind is TransitionKind.FADE_OUT else LAST)


def test_out_and_in_again_are_two_fades() -> None:
    """With nothing picked between them."""
    kinds = found(lambda frame: A * (1 - share_of(frame)) if frame < LAST else B * share_of(frame - LAST + FIRST))
    assert [kind for kind, *_ in kinds] == [TransitionKind.FADE_OUT, TransitionKind.FADE_IN]
    assert kinds[0][2] + 1 == kinds[1][1]


@pytest.mark.parametrize(
    "picture_at",
    [
        lambda _: A,
        lambda frame: A if frame < FIRST else B,
        lambda frame: A if frame < FIRST else BLACK,
        lambda frame: np.roll(np.kron(A, np.ones((1, 8, 1))), -frame, axis=1)[:, ::8],
        lambda frame: np.clip(A + (60 if frame == FIRST else 0), 0, 255),
        lambda frame: BLACK if frame in (FIRST, FIRST + 1) else A,
    ],
    ids=["still", "step", "step to black", "pan", "flash", "black frames"],
)
def test_what_is_no_transition_is_not_found(picture_at: Callable[[int], Picture]) -> None:
    """A cut that no detector took for one, a camera that moves, an interruption."""
    assert found(picture_at) == []


def test_a_shot_of_few_samples_has_none() -> None:
    """And none at all is no error."""
    for n in (0, 1, 4):
        assert find_transitions(np.arange(n) / FPS, np.zeros(n, FEATURES)) == ()
