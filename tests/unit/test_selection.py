"""Which frames of a shot are chosen."""

from __future__ import annotations

import time

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frame_extractor.contract.results import RejectReason
from frame_extractor.features.sample import FEATURES, Features
from frame_extractor.picking import distance as module_of_distance
from frame_extractor.picking.distance import DISTINCT_FROM, distance, motion
from frame_extractor.picking.selection import NEAREST_OF, LeftOut, Nearest, Selected, nearest, select

FPS = 24.0


def shot_of(poses: list[int]) -> tuple[Features, npt.NDArray[np.float64]]:
    """One sample for each number: equal numbers are equal frames, and all others are distinct."""
    features = np.zeros(len(poses), dtype=FEATURES)
    features["luma_p98"], features["luma_deviation_halves"] = 200, 80
    for at, pose in enumerate(poses):
        # As in a film: most of it is the same, and something small is elsewhere.
        features["colours"][at] = 100
        if pose:
            row, column = divmod(pose - 1, 7)
            features["colours"][at, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 200
    return features, np.arange(len(poses)) / FPS


def chosen_of(poses: list[int], wanted: int | None, *, removed: frozenset[int] = frozenset()) -> tuple[int, ...]:
    features, times_s = shot_of(poses)
    return select(features, times_s, range(len(poses)), wanted, removed=removed).chosen


def reasons(selected: Selected) -> list[tuple[int, RejectReason]]:
    return [(each.position, each.reason) for each in selected.left_out]


shots = st.lists(st.integers(0, 12), min_size=1, max_size=40)


def test_a_still_shot_gives_one_frame_whatever_is_wanted() -> None:
    """Ten images of the same are one image."""
    assert chosen_of([3] * 50, 10) == (0,)


def test_every_distinct_pose_is_chosen_once() -> None:
    """In order of time; of equal frames the calm one, of equally calm ones the first."""
    assert chosen_of([1, 1, 1, 2, 2, 2, 3, 3, 3], None) == (0, 3, 6)


def test_at_most_so_many_are_chosen_as_are_wanted() -> None:
    """The others differ too, and are not wanted."""
    features, times_s = shot_of([1, 1, 2, 2, 3, 3, 4, 4])
    selected = select(features, times_s, range(8), 2)
    assert len(selected.chosen) == 2
    assert selected.left_out == ()
    assert len(select(features, times_s, range(8), None, at_most=3).chosen) == 3


def test_a_calm_frame_is_preferred_to_one_in_motion() -> None:
    """Frame 3 is as far from the first as frame 5 is, but everything moves there."""
    assert chosen_of([1, 1, 1, 2, 3, 3, 3], 2) == (0, 4)


def test_of_a_lost_slot_it_is_known_what_was_left_out_and_why() -> None:
    """Three were wanted and one is given: two near-duplicates, and of which frame."""
    features, times_s = shot_of([5] * 8)
    selected = select(features, times_s, range(8), 3)
    assert selected.left_out == (
        LeftOut(1, RejectReason.NEAR_DUPLICATE, Nearest(0, 0.0)),
        LeftOut(2, RejectReason.NEAR_DUPLICATE, Nearest(0, 0.0)),
    )


def test_black_uniform_and_transition_frames_are_left_out() -> None:
    """Each with its reason, though they would be distinct."""
    features, times_s = shot_of([1, 2, 3, 4])
    features["luma_p98"][0] = 23
    features["luma_deviation_halves"][1] = 11
    selected = select(features, times_s, range(4), 4, in_transition={2})
    assert selected.chosen == (3,)
    assert reasons(selected) == [(0, RejectReason.BLACK), (1, RejectReason.UNIFORM), (2, RejectReason.TRANSITION)]


def test_a_black_shot_gives_nothing_and_one_frame_says_why() -> None:
    """Also where as many are wanted as are distinct."""
    features, times_s = shot_of([1] * 5)
    features["luma_p98"] = 0
    assert select(features, times_s, range(5), None) == Selected((), (LeftOut(0, RejectReason.BLACK, None),))


def test_near_duplicates_of_a_removed_frame_do_not_come_in_its_place() -> None:
    """The removed frame is no candidate now; the frame that looks like it is left out, and no slot is filled again."""
    features, times_s = shot_of([1, 1, 1, 2, 2, 3, 3])
    candidates = [0, 2, 3, 5]
    assert select(features, times_s, candidates, None).chosen == (0, 3, 5)
    selected = select(features, times_s, candidates, None, removed={4})
    assert selected.chosen == (0, 5)
    assert selected.left_out == (LeftOut(3, RejectReason.NEAR_REMOVED, Nearest(4, 0.0)),)


@given(shots, st.integers(1, 12), st.data())
def test_a_removal_changes_nothing_else(poses: list[int], wanted: int, data: st.DataObject) -> None:
    """A user deletes images and extracts again: the others stay, and none comes in their place."""
    before = chosen_of(poses, wanted)
    removed = frozenset(data.draw(st.sets(st.sampled_from(before))))
    assert chosen_of(poses, wanted, removed=removed) == before


@given(shots, st.integers(0, 12))
def test_more_wanted_gives_the_same_and_others_besides(poses: list[int], wanted: int) -> None:
    """Choices do not depend on how many follow."""
    assert set(chosen_of(poses, wanted)) <= set(chosen_of(poses, wanted + 1)) <= set(chosen_of(poses, None))


@given(shots, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_candidates_is_of_no_matter(poses: list[int], wanted: int, random: st.randoms) -> None:  # type: ignore[valid-type]
    """Workers hold them as they came."""
    features, times_s = shot_of(poses)
    shuffled = list(range(len(poses))) * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert select(features, times_s, shuffled, wanted) == select(features, times_s, range(len(poses)), wanted)


@given(shots, st.integers(0, 12))
def test_no_slot_is_lost_silently(poses: list[int], wanted: int) -> None:
    """Chosen and left out are as many as were wanted, or all there are."""
    features, times_s = shot_of(poses)
    selected = select(features, times_s, range(len(poses)), wanted)
    assert len(selected.chosen) + len(selected.left_out) == min(wanted, len(poses))
    assert not {each.position for each in selected.left_out} & set(selected.chosen)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20))
@settings(deadline=None)
def test_no_two_chosen_frames_are_near_duplicates(seed: int, n: int, wanted: int) -> None:
    """Of pictures that change a little from one to the next, as films do."""
    rng = np.random.default_rng(seed)
    features, times_s = shot_of([0] * n)
    walk = rng.integers(-6, 7, (n, 9, 16, 3)).cumsum(axis=0)
    features["colours"] = (128 + walk).clip(0, 255)
    chosen = select(features, times_s, range(n), wanted).chosen
    apart = distance(features[list(chosen)][:, None], features[list(chosen)][None, :])
    assert (apart[~np.eye(len(chosen), dtype=bool)] > DISTINCT_FROM).all()


def test_motion_is_the_smaller_of_both_sides_and_per_time() -> None:
    """A frame before a sudden change is calm; two samples twice as far apart move half as fast."""
    features, times_s = shot_of([1, 1, 2, 3])
    second, third = motion(features[1:3], times_s[:2])[0], motion(features[2:], times_s[:2])[0]
    assert second > 0
    assert motion(features, times_s).tolist() == [0, 0, min(second, third), third]
    # Times are rounded to a millisecond.
    assert motion(features, 2 * times_s) == pytest.approx(motion(features, times_s) / 2, rel=0.03)
    assert motion(features[:1], times_s[:1]).tolist() == [0]


def test_the_nearest_is_another_frame_and_the_lower_of_equals() -> None:
    """A frame's distance to itself says nothing."""
    features, _ = shot_of([1, 2, 1, 1])
    assert nearest(features, 2, (0, 1, 2, 3)) == Nearest(0, 0.0)
    assert nearest(features, 2, (2,)) is None


def test_in_a_long_shot_a_frame_is_compared_with_those_near_it_in_time() -> None:
    """So that the work grows with the length of the shot, and not with its square."""
    features, _ = shot_of([1, *[2] * (2 * NEAREST_OF), 1, 3])
    others = range(len(features))
    first, last = 0, len(features) - 2
    assert distance(features[first], features[last]) == 0
    assert nearest(features, last, (first, *others[-NEAREST_OF:])) == Nearest(first, 0.0)
    found = nearest(features, last, others)
    assert found is not None
    assert found.position >= last - NEAREST_OF
    assert found.distance > DISTINCT_FROM


def test_motion_is_the_same_however_much_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pictures of a long shot at once would not fit into memory."""
    features = np.zeros(23, dtype=FEATURES)
    features["colours"] = np.random.default_rng(3).integers(0, 256, features["colours"].shape)
    for n_samples in (2, 4, 5, 6, 23):
        shot, times_s = features[:n_samples], np.arange(n_samples) / FPS
        at_once = motion(shot, times_s)
        with monkeypatch.context() as patched:
            patched.setattr(module_of_distance, "_ROWS_AT_ONCE", 4)
            np.testing.assert_array_equal(motion(shot, times_s), at_once)


def test_a_long_shot_is_decided_in_milliseconds() -> None:
    """2,000 samples, 240 candidates, 60 chosen: the stitch waits for it."""
    rng = np.random.default_rng(5)
    features, times_s = shot_of([0] * 2000)
    features["colours"] = rng.integers(0, 256, (2000, 9, 16, 3))
    began_s = time.thread_time()
    select(features, times_s, range(0, 1920, 8), None)
    assert time.thread_time() - began_s < 1.0


def test_a_camera_that_moves_on_slowly_makes_near_duplicates() -> None:
    """The same picture from half a tile further on: many differences, and none that is new."""
    wide = np.asarray(cv2.resize(_landscape(), (2 * 18, 9), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    features, _ = shot_of([0, 0])
    features["colours"] = [wide[:, 0:32:2], wide[:, 1:33:2]]
    still, _ = shot_of([1, 2])
    assert np.abs(features["colours"][0].astype(int) - features["colours"][1]).max() > 2 * DISTINCT_FROM
    assert distance(features[0], features[1]) < DISTINCT_FROM < distance(still[0], still[1])


def _landscape() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(8).integers(0, 256, (9, 9, 3)).astype(np.uint8)
