"""Scores to shots."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scenedetect.common import FrameTimecode
from scenedetect.detectors import ContentDetector

from frame_extractor.contract.settings import Detector, ExtractionSettings
from frame_extractor.features.compare import compare
from frame_extractor.features.sample import FEATURES
from frame_extractor.features.samples import Samples
from frame_extractor.features.small_picture import small_picture
from frame_extractor.picking.shots import Shot, ShotFinder


def samples_with(scores: dict[int, float], n: int = 100, *, breaks: frozenset[int] = frozenset()) -> Samples:
    """`n` consecutive frames, all alike but for these."""
    features = np.zeros(n, dtype=FEATURES)
    for sample, score in scores.items():
        features["score"][sample] = score
    return Samples(np.arange(n), np.arange(n), np.arange(n) / 24, features, breaks)


def find_shots(samples: Samples, settings: ExtractionSettings) -> tuple[Shot, ...]:
    """The shots of a film, sample by sample, as the stitch finds them."""
    finder = ShotFinder(settings)
    shots: list[Shot] = []
    for position, (frame_index, row) in enumerate(zip(samples.frame_indices, samples.features, strict=True)):
        shots += finder.add(int(frame_index), row, is_break=position in samples.breaks)
    return (*shots, *finder.finish())


def test_a_film_without_a_cut_is_one_shot() -> None:
    """Not zero: it has frames, and they are wanted."""
    assert find_shots(samples_with({}), ExtractionSettings()) == (Shot(0, 100),)


def test_a_film_without_frames_has_no_shots() -> None:
    """Nothing to pick from."""
    assert find_shots(samples_with({}, 0), ExtractionSettings()) == ()


def test_a_score_at_the_threshold_is_a_cut() -> None:
    """PySceneDetect's rule: reached is enough."""
    assert find_shots(samples_with({40: 30.0, 70: 29.9}), ExtractionSettings()) == (Shot(0, 40), Shot(40, 100))


def test_cuts_closer_than_the_minimum_length_are_merged() -> None:
    """A flash is one cut, not many."""
    shots = find_shots(samples_with({30: 50.0, 60: 50.0, 62: 50.0, 64: 50.0}), ExtractionSettings())
    assert shots == (Shot(0, 30), Shot(30, 60), Shot(60, 100))


def test_missing_film_ends_the_running_shot() -> None:
    """What could not be decoded is not bridged by a shot, whatever the scores say."""
    shots = find_shots(samples_with({}, breaks=frozenset({33})), ExtractionSettings())
    assert shots == (Shot(0, 33), Shot(33, 100))


PEAK = ExtractionSettings(detector=Detector.PEAK, min_scene_length=5)


def test_settings_choose_the_detector() -> None:
    """A cut that stands out, and is too quiet for the threshold."""
    samples = samples_with({50: 25.0})
    samples.features["grey_difference"][50] = 12.0
    samples.features["colours"][50:] = np.random.default_rng(3).integers(0, 256, (9, 16, 3))
    assert find_shots(samples, ExtractionSettings()) == (Shot(0, 100),)
    for settings in (PEAK, ExtractionSettings(detector=Detector.ADAPTIVE)):
        assert find_shots(samples, settings) == (Shot(0, 50), Shot(50, 100))


@given(
    scores=st.lists(st.sampled_from([0.0, 0.0, 0.0, 20.0, 60.0, 120.0]), min_size=1, max_size=80),
    breaks=st.frozensets(st.integers(1, 79), max_size=4),
)
def test_no_detector_sees_across_a_break(scores: list[float], breaks: frozenset[int]) -> None:
    """Each stretch between breaks gives the shots that it would give as a film of its own."""
    breaks = frozenset(position for position in breaks if position < len(scores))
    samples = samples_with(dict(enumerate(scores)), len(scores), breaks=breaks)
    samples.features["grey_difference"] = samples.scores
    for settings in (PEAK, ExtractionSettings(detector=Detector.ADAPTIVE)):
        expected: list[Shot] = []
        for start, end in itertools.pairwise([0, *sorted(breaks), len(scores)]):
            alone = samples_with(dict(enumerate(scores[start:end])), end - start)
            alone.features["grey_difference"] = alone.scores
            expected += [Shot(start + shot.start, start + shot.end) for shot in find_shots(alone, settings)]
        assert list(find_shots(samples, settings)) == expected


def test_shots_are_what_pyscenedetect_finds_on_the_same_frames() -> None:
    """Scores and rules together, on noise that changes its brightness now and then."""
    rng = np.random.default_rng(7)
    colours = np.repeat(rng.integers(0, 255, (30, 3)), rng.integers(3, 40, 30), axis=0)
    noise = rng.integers(-10, 10, (len(colours), 72, 128, 3))
    frames = [(colour + grain).clip(0, 255).astype(np.uint8) for colour, grain in zip(colours, noise, strict=True)]
    detector = ContentDetector(threshold=30.0, min_scene_len=15)
    expected = [
        cut.frame_num
        for index, frame in enumerate(frames)
        for cut in detector.process_frame(FrameTimecode(index, fps=24.0), np.ascontiguousarray(frame[..., ::-1]))
    ]
    small = [small_picture(frame) for frame in frames]
    features = np.zeros(len(frames), dtype=FEATURES)
    features["score"][1:] = [compare(a, b).score for a, b in itertools.pairwise(small)]
    numbers = np.arange(len(frames))
    samples = Samples(numbers, numbers, np.arange(len(frames)) / 24, features, frozenset())
    assert len(expected) > 3
    assert [shot.start for shot in find_shots(samples, ExtractionSettings())[1:]] == expected
