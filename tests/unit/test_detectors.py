"""Features to cuts: each detector by its rule, sample after sample."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenedetect import detectors as pyscenedetect
from scenedetect.common import FrameTimecode

from frame_extractor.features.sample import FEATURES, Features, measure
from frame_extractor.features.small_picture import small_picture
from frame_extractor.picking.coarse_pictures import Colours
from frame_extractor.picking.detectors.adaptive import AdaptiveDetector
from frame_extractor.picking.detectors.content import ContentDetector
from frame_extractor.picking.detectors.detector import Detector
from frame_extractor.picking.detectors.peak import FADE_FRAMES, REACH, PeakDetector
from frame_extractor.picking.detectors.same_shot import (
    is_dissolve_step,
    is_fade_step,
    is_interruption,
    is_light_change,
)

MIN_FRAMES = 5
TILES = (9, 16, 3)


def features_with(changes: dict[int, tuple[float, float]], n: int = 60) -> Features:
    """`n` samples of a still, but for the score and grey difference of these; the picture changes with each."""
    rows = np.zeros(n, FEATURES)
    choice = np.random.default_rng(1)
    colours = choice.integers(30, 226, TILES)
    for nth in range(n):
        if nth in changes:
            colours = choice.integers(30, 226, TILES)
            rows[nth]["score"], rows[nth]["grey_difference"] = changes[nth]
        rows[nth]["colours"] = colours
    return rows


def cuts_of(detector: Detector, rows: Features, frames: list[int] | None = None) -> list[int]:
    """All cuts of a stretch."""
    found: list[int] = []
    for frame_index, row in zip(frames or range(len(rows)), rows, strict=True):
        found += detector.add(frame_index, row)
    return found + detector.finish()


def test_adaptive_finds_what_pyscenedetect_finds() -> None:
    """On noise that changes its brightness now and then, and drifts in between."""
    rng = np.random.default_rng(11)
    lengths = rng.integers(8, 40, 30)
    colours = np.repeat(rng.integers(0, 255, (30, 3)), lengths, axis=0)
    drift = np.cumsum(rng.normal(0, 3, len(colours)))[:, None]
    noise = rng.integers(-10, 10, (len(colours), 72, 128, 3))
    frames = [
        (colour + grain + slow).clip(0, 255).astype(np.uint8)
        for colour, grain, slow in zip(colours, noise, drift, strict=True)
    ]
    theirs = pyscenedetect.AdaptiveDetector()
    expected = [
        cut.frame_num
        for index, frame in enumerate(frames)
        for cut in theirs.process_frame(FrameTimecode(index, fps=24.0), np.ascontiguousarray(frame[..., ::-1]))
    ]
    small = [small_picture(frame) for frame in frames]
    rows = np.zeros(len(small), FEATURES)
    for nth, picture in enumerate(small):
        rows[nth] = measure(small[nth - 1] if nth else None, picture)
    assert len(expected) > 10
    assert cuts_of(AdaptiveDetector(15), rows) == expected


def test_peak_takes_a_quiet_cut_that_stands_out() -> None:
    """Where all else is still, a score of 20 is a cut; just below it is none, and neither is a mere change of hue."""
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (20.0, 8.0)})) == [30]
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (19.9, 8.0)})) == []
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (40.0, 7.9)})) == []


def test_peak_takes_no_cut_in_fast_motion() -> None:
    """A whip pan changes as much as a cut, for several frames; a cut in it must stand out."""
    pan = dict.fromkeys(range(20, 32), (40.0, 30.0))
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with(pan)) == []
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with(pan | {26: (90.0, 60.0)})) == [26]


def test_of_two_cuts_too_close_the_stronger_wins() -> None:
    """The first, where they are equal; cuts nine frames apart are two."""
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (50.0, 30.0), 34: (60.0, 30.0)})) == [34]
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (60.0, 30.0), 34: (60.0, 30.0)})) == [30]
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (50.0, 30.0), 39: (60.0, 30.0)})) == [30, 39]
    assert cuts_of(PeakDetector(MIN_FRAMES), features_with({30: (50.0, 30.0), 35: (60.0, 30.0)})) == [30, 35]


def test_no_shot_is_shorter_than_the_least() -> None:
    """At both ends of a stretch as well."""
    rows = features_with({4: (60.0, 30.0), 20: (60.0, 30.0), 56: (60.0, 30.0)})
    assert cuts_of(PeakDetector(MIN_FRAMES), rows) == [20]
    assert cuts_of(PeakDetector(4), rows) == [4, 20, 56]


def test_the_last_step_of_a_dissolve_is_no_cut_however_it_stands_out() -> None:
    """By the pictures of the eight frames before it: fewer would not show that it is one of several."""
    shares = [0, 0, 0, 0, 0.4, 0.75, 0.78, 0.8, 0.82, 0.84, 0.85, *[1.0] * 30]
    rows = features_with({11: (60.0, 30.0)}, len(shares))
    rows["colours"] = [np.rint(ONE + (OTHER - ONE) * share) for share in shares]
    assert cuts_of(PeakDetector(MIN_FRAMES), rows) == []
    rows["colours"][:11] = rows["colours"][10]
    assert cuts_of(PeakDetector(MIN_FRAMES), rows) == [11]


ONE, OTHER = (np.random.default_rng(seed).integers(40, 256, TILES) for seed in (1, 2))
PICTURES = [
    *(np.rint(ONE * share) for share in (1, 0.7, 0.4, 0.1, 0)),
    *(np.rint(ONE + (OTHER - ONE) * share) for share in (0.3, 0.7, 1)),
]
"""Out of which fades, dissolves, flashes and cuts are made by chance."""
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 5.0, 19.0, 20.0, 50.0, 60.0, 120.0]),
        st.sampled_from([8.0, 30.0, 0.0]),
        st.sampled_from(range(len(PICTURES))),
        st.sampled_from([1, 1, 2, 3, 9]),
    ),
    max_size=40,
)
"""Score, grey difference, picture, and frames since the sample before."""


def film_of(samples: list[tuple[float, float, int, int]]) -> tuple[list[int], Features]:
    rows = np.zeros(len(samples), FEATURES)
    for row, (score, difference, picture, _) in zip(rows, samples, strict=True):
        row["score"], row["grey_difference"], row["colours"] = score, difference, PICTURES[picture]
    return np.cumsum([step for *_, step in samples]).tolist(), rows


def peak_cuts(frames: list[int], rows: Features, min_frames: int) -> list[int]:
    """The rule of the peak detector over a whole stretch at once."""
    scores = [float(row["score"]) for row in rows]
    colours = [row["colours"].ravel().astype(np.int64) for row in rows]
    candidates: list[int] = []
    for at in range(1, len(rows)):
        near = [scores[n] for n in range(at - REACH, at + REACH + 1) if 0 < n < len(rows) and n != at]
        median = max(1.0, statistics.median(near)) if near else 1.0
        peak = max(scores[n] for n in range(at - 2, at + 3) if 0 < n < len(rows))
        score = scores[at]
        is_low = score >= 20 and score >= 3.5 * median
        is_high = score >= 50 and score >= 1.5 * median and score == peak
        if float(rows[at]["grey_difference"]) < 8 or not (is_low or is_high):
            continue

        def around(reach: int, at: int = at) -> tuple[list[Colours], list[Colours]]:
            before = [n for n in range(at) if frames[at - 1] - frames[n] < reach]
            behind = [n for n in range(at, len(rows)) if frames[n] - frames[at] < reach]
            return [colours[n] for n in before], [colours[n] for n in behind]

        if is_interruption(*around(6)) or is_light_change(colours[at - 1], colours[at]):
            continue
        if is_fade_step(*around(FADE_FRAMES)) or is_dissolve_step(*around(FADE_FRAMES)):
            continue
        if frames[at] - frames[0] >= min_frames:
            candidates.append(at)
    kept: list[int] = []
    for at in candidates:
        if not kept or frames[at] - frames[kept[-1]] >= min_frames:
            kept.append(at)
        elif scores[at] > scores[kept[-1]]:
            kept[-1] = at
    return [frames[at] for at in kept if frames[-1] + 1 - frames[at] >= min_frames]


@settings(max_examples=300)
@given(SAMPLES, st.integers(0, 8))
def test_peak_gives_sample_by_sample_what_the_whole_stretch_gives(
    samples: list[tuple[float, float, int, int]], min_frames: int
) -> None:
    """Whatever comes, and with samples that are unevenly spaced."""
    frames, rows = film_of(samples)
    expected = peak_cuts(frames, rows, min_frames) if samples else []
    assert cuts_of(PeakDetector(min_frames), rows, frames) == expected


@pytest.mark.parametrize(
    "new",
    [
        lambda: PeakDetector(MIN_FRAMES),
        lambda: AdaptiveDetector(MIN_FRAMES),
        lambda: ContentDetector(30.0, MIN_FRAMES, follows_break=False),
    ],
    ids=["peak", "adaptive", "content"],
)
@settings(max_examples=50)
@given(samples=SAMPLES, at=st.integers(0, 60))
def test_what_is_certain_stays(new: type[Detector], samples: list[tuple[float, float, int, int]], at: int) -> None:
    """The cuts given before a sample do not depend on it: they begin the list of all, whatever follows."""
    frames, rows = film_of(samples)
    early = new()
    given_early = [cut for frame, row in zip(frames[:at], rows[:at], strict=True) for cut in early.add(frame, row)]
    complete = cuts_of(new(), rows, frames)
    assert complete[: len(given_early)] == given_early
    assert complete == sorted(set(complete))


def lit(share: float) -> Colours:
    """One picture, dimmed."""
    return np.asarray(np.random.default_rng(5).integers(40, 256, 432) * share).astype(np.int64)


def test_a_flash_is_an_interruption() -> None:
    """White for a frame or two, and then the same place again."""
    scene, white, other = lit(1), np.full(432, 255), lit(1)[::-1]
    assert is_interruption([scene, scene], [white, scene, scene])
    assert is_interruption([scene, white], [scene, scene])
    assert not is_interruption([scene, scene], [other, other])


def test_a_white_frame_between_two_shots_is_no_interruption() -> None:
    """They may be nearer to each other than to white, and are different pictures all the same."""
    dark = [np.random.default_rng(seed).integers(0, 60, 432) for seed in (1, 2)]
    white = np.full(432, 255)
    assert not is_interruption([dark[0], dark[0]], [white, dark[1], dark[1]])
    assert not is_interruption([dark[0], dark[0], white], [dark[1], dark[1]])


def test_a_lamp_is_a_light_change() -> None:
    """The same place, three times as bright; not the same brightness, and not another place."""
    assert is_light_change(lit(0.3), lit(0.9))
    assert is_light_change(lit(0.9), lit(0.3))
    assert not is_light_change(lit(0.9), lit(1))
    assert not is_light_change(lit(0.3), lit(0.9)[::-1])
    assert not is_light_change(np.zeros(432, np.int64), lit(1))


def test_steps_to_black_are_a_fade_and_one_step_is_a_cut() -> None:
    """In both directions."""
    fade = [lit(share) for share in (1, 1, 0.6, 0.3, 0, 0)]
    assert is_fade_step(fade[:2], fade[2:])
    assert is_fade_step(fade[:4], fade[4:])
    assert is_fade_step(fade[::-1][:3], fade[::-1][3:])
    cut = [lit(share) for share in (1, 1, 1, 0, 0, 0)]
    assert not is_fade_step(cut[:3], cut[3:])
    assert not is_fade_step(cut[::-1][:3], cut[::-1][3:])


def test_steps_from_one_picture_to_another_are_a_dissolve_and_one_step_is_a_cut() -> None:
    """However quick, and where the first or last step is the largest."""
    a, b = lit(1), lit(1)[::-1]
    mixed = [np.asarray(a + (b - a) * share).astype(np.int64) for share in (0, 0, 0.25, 0.5, 0.75, 1, 1)]
    assert all(is_dissolve_step(mixed[:at], mixed[at:]) for at in range(2, 6))
    assert not is_dissolve_step([a, a, a], [b, b, b])
    dim = lit(0.2)[::-1]
    explosion = [np.minimum(dim + level, 255) for level in (0, 40, 80, 120, 160, 200)]
    assert not is_dissolve_step([lit(0.2)] * 3, explosion)
    nearly = [np.asarray(a + (b - a) * share).astype(np.int64) for share in (0, 0, 0.2, 0.8, 1, 1)]
    assert not is_dissolve_step(nearly[:3], nearly[3:])
