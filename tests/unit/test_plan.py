"""Which frames of a shot and of an interval are wanted."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from frame_extractor.contract.settings import ExtractionSettings, Mode
from frame_extractor.features.sample import FEATURES
from frame_extractor.features.samples import Samples
from frame_extractor.picking.plan import GRID_PICKS, Pick, grid_step, interval_begun, shot_picks
from frame_extractor.picking.shot_planner import ShotPlanner
from frame_extractor.picking.shots import Shot

LENGTHS = st.integers(1, 5000)
WANTED = st.integers(1, 60)
STARTS = st.integers(0, 100_000)


def samples_of(n: int, *, step: int = 1, fps: float = 24.0) -> Samples:
    """`n` samples, every `step`th frame of a film of `fps` frames a second, all alike."""
    indices = np.arange(n) * step
    return Samples(np.arange(n), indices, indices / fps, np.zeros(n, dtype=FEATURES), frozenset())


def plan(samples: Samples, shots: list[Shot], settings: ExtractionSettings) -> list[Pick]:
    """Of a whole film."""
    planner = ShotPlanner(settings, picture_bytes=64)
    return [pick for scene, shot in enumerate(shots) for pick in planner.plan(samples, scene, shot).picks]


def intervals_of(times_s: list[float], interval_s: float) -> list[int | None]:
    """For each frame the interval it begins."""
    return [interval_begun(before, now, interval_s) for before, now in zip([None, *times_s], times_s, strict=False)]


@given(STARTS, LENGTHS, WANTED)
def test_a_shot_gives_as_many_distinct_picks_as_wanted_or_as_it_has(start: int, length: int, wanted: int) -> None:
    """Never a frame twice, never one of another shot."""
    picks = shot_picks(range(start, start + length), wanted)
    assert len(picks) == min(wanted, length)
    assert picks == sorted(set(picks))
    assert start <= picks[0]
    assert picks[-1] < start + length


@given(STARTS, LENGTHS, WANTED)
def test_every_pick_is_on_the_grid(start: int, length: int, wanted: int) -> None:
    """Grid numbers count from the start of the film: a worker knows them before it knows the shot's end."""
    step = grid_step(length, GRID_PICKS * wanted)
    assert length / step <= GRID_PICKS * wanted
    assert step == 1 or length / (step // 2) > GRID_PICKS * wanted
    assert all(pick % step == 0 for pick in shot_picks(range(start, start + length), wanted))


@given(STARTS, st.integers(1, 2000), st.integers(2, 20))
def test_picks_are_spread_evenly(start: int, length: int, wanted: int) -> None:
    """The widest and the narrowest distance differ by no more than a grid step."""
    gaps = np.diff(shot_picks(range(start, start + length), wanted))
    if len(gaps) > 1 and length > wanted:
        assert gaps.max() - gaps.min() <= grid_step(length, GRID_PICKS * wanted)


@given(STARTS, st.integers(100, 5000), st.integers(1, 10))
def test_the_edges_of_a_long_shot_are_left_alone(start: int, length: int, wanted: int) -> None:
    """The first and the last tenth: fades, and blur into the cut."""
    picks = shot_picks(range(start, start + length), wanted)
    assert picks[0] >= start + length // 10
    assert picks[-1] < start + length - length // 10


@given(STARTS, st.integers(1, 5000), st.integers(1, 60), st.sampled_from([2, 4]))
def test_picks_of_reference_pictures_are_a_grid_step_from_those_of_all_at_most(
    start: int, length: int, wanted: int, distance: int
) -> None:
    """Given the same cuts; where the shot has at least twice as many reference pictures as are wanted."""
    numbers = [frame // distance for frame in range(start, start + length) if frame % distance == 0]
    assume(len(numbers) >= 2 * wanted)
    exact = shot_picks(range(start, start + length), wanted)
    reference = [number * distance for number in shot_picks(numbers, wanted)]
    step = max(grid_step(length, GRID_PICKS * wanted), distance * grid_step(len(numbers), GRID_PICKS * wanted))
    assert len(reference) == len(exact) == wanted
    assert all(start <= frame < start + length for frame in reference)
    assert max(abs(one - other) for one, other in zip(exact, reference, strict=True)) <= step


def test_a_shot_hardly_longer_than_wanted_is_used_to_its_edges() -> None:
    """Ten frames of twelve: trimming would leave too few."""
    assert shot_picks(range(100, 112), 10) == [100, 101, 102, 104, 105, 106, 107, 109, 110, 111]


def test_a_sample_that_did_not_decode_is_not_picked() -> None:
    """Its number is missing from the shot, and the others keep theirs."""
    numbers = [number for number in range(100) if number not in {40, 44, 48}]
    picks = shot_picks(numbers, 10)
    assert len(picks) == 10
    assert not {40, 44, 48} & set(picks)


def test_an_interval_takes_the_first_frame_at_or_after_it() -> None:
    """At 24 frames a second and 2 s: every 48th frame."""
    begun = intervals_of([index / 24 for index in range(100)], 2.0)
    assert {index: interval for index, interval in enumerate(begun) if interval is not None} == {0: 0, 48: 1, 96: 2}


def test_an_interval_whose_frame_was_not_sampled_takes_the_next_sampled_one() -> None:
    """Every fifth frame decoded: 48 and 96 are not among them."""
    begun = intervals_of([index / 24 for index in range(0, 100, 5)], 2.0)
    assert {5 * nth: interval for nth, interval in enumerate(begun) if interval is not None} == {0: 0, 50: 1}


def test_intervals_that_fall_into_a_gap_are_served_by_one_frame() -> None:
    """A frame is the pick of the earliest of the intervals that begin before it."""
    assert intervals_of([0.0, 1.0, 9.0, 9.5, 10.0], 2.0) == [0, None, 1, None, 5]


def test_intervals_shorter_than_a_frame_give_every_frame_once() -> None:
    """Otherwise one frame would be written under many names."""
    picks = plan(samples_of(10), [Shot(0, 10)], ExtractionSettings(mode=Mode.INTERVAL, interval_seconds=0.01))
    assert [pick.frame_index for pick in picks] == list(range(10))


def test_a_time_rounded_down_by_the_container_is_still_on_time() -> None:
    """Matroska says 1.9996 s for a frame at 2 s."""
    assert intervals_of([0.0, 1.0, 1.9996, 3.0], 2.0) == [0, None, 1, None]


def test_hybrid_names_a_frame_both_want_once() -> None:
    """It has a place in its shot and a number as interval."""
    settings = ExtractionSettings(mode=Mode.HYBRID, frames_per_scene=40, interval_seconds=1.0)
    picks = plan(samples_of(72), [Shot(0, 36), Shot(36, 72)], settings)
    assert len({pick.frame_index for pick in picks}) == len(picks)
    both = [pick for pick in picks if pick.scene is not None and pick.interval is not None]
    assert [(pick.frame_index, pick.scene, pick.position, pick.interval) for pick in both] == [
        (0, 0, 0, 0),
        (24, 0, 24, 1),
        (48, 1, 12, 2),
    ]


def test_scene_mode_gives_no_intervals_and_interval_mode_no_scenes() -> None:
    """Each mode gives only what it is named for."""
    shots = [Shot(0, 50), Shot(50, 100)]
    of_scenes = plan(samples_of(100), shots, ExtractionSettings(mode=Mode.SCENE))
    of_intervals = plan(samples_of(100), shots, ExtractionSettings(mode=Mode.INTERVAL))
    assert {pick.interval for pick in of_scenes} == {None}
    assert [pick.scene for pick in of_scenes] == [0] * 10 + [1] * 10
    assert {pick.scene for pick in of_intervals} == {None}
