"""How what is found is compared with what was seen."""

from __future__ import annotations

import pytest

from benchmarks.accuracy.truth import Found, SeenFilm, compare_cuts, of_edited
from tests.harness.edited_film import Clip, Join, Transition, edited_frames, truth_of

SEEN = SeenFilm(hard_cuts=(100, 200, 300), transitions=(), ambiguous=(300,))


@pytest.mark.parametrize(
    ("found", "even", "odd"),
    [
        ([100, 200, 300], Found(right=1), Found(right=1)),
        ([98, 202], Found(right=1), Found(right=1)),
        ([97], Found(missed=1, false=1), Found(missed=1)),
        ([], Found(missed=1), Found(missed=1)),
        ([100, 101, 200], Found(right=1), Found(right=1, false=1)),
        ([100, 200, 301], Found(right=1), Found(right=1)),
        ([100, 200, 250], Found(right=1, false=1), Found(right=1)),
        ([100, 200, 310], Found(right=1), Found(right=1, false=1)),
    ],
)
def test_cuts_are_counted_once_and_in_their_half(found: list[int], even: Found, odd: Found) -> None:
    """Within two frames; what is doubtful counts neither way; what is false counts where it lies."""
    assert compare_cuts(found, SEEN) == (even, odd)


def test_f1_is_of_precision_and_recall() -> None:
    """8 right, 2 missed, 2 false: both are 0.8."""
    assert Found(right=8, missed=2, false=2).f1 == pytest.approx(80)
    assert Found().f1 == 0


def test_truth_of_an_edited_film_is_where_its_clips_meet() -> None:
    """A dissolve has frames of its own; a fade and an iris take theirs from both clips."""
    clips = (Clip(0, 10), Clip(1, 12, Join.DISSOLVE, 4), Clip(2, 14, Join.FADE, 6), Clip(3, 8))
    truth = truth_of(clips)
    assert truth.n_frames == 48 == sum(1 for _ in edited_frames(clips))
    assert truth.cuts == (10,)
    assert truth.transitions == (Transition(Join.DISSOLVE, 22, 25), Transition(Join.FADE, 37, 42))
    assert of_edited(truth).transitions[0].start == 22
