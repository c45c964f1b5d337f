"""What is kept of a sample."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from frame_extractor.features.compare import NO_CHANGE, compare
from frame_extractor.features.sample import FEATURES, luma, measure, set_change
from frame_extractor.features.samples import FeatureList
from frame_extractor.features.small_picture import SMALL_WIDTH, small_picture
from frame_extractor.reading.film import Rgb

MAX_SAMPLE_BYTES = 450


def noise(seed: int, *, height: int = 360, width: int = 640) -> Rgb:
    """Soft shapes in all colours."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 16, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def test_a_sample_is_kept_in_450_bytes() -> None:
    """A film of two hours has 170,000 of them."""
    assert FEATURES.itemsize <= MAX_SAMPLE_BYTES


def test_luma_statistics_are_those_of_the_small_picture() -> None:
    """In integers, rounded down."""
    now = small_picture(noise(1))
    row = measure(None, now)
    assert row["luma_mean"][0] == int(now.grey.mean())
    assert row["luma_deviation_halves"][0] == int(2 * now.grey.std())
    assert row["luma_p98"][0] == pytest.approx(np.percentile(now.grey, 98), abs=1)


def test_black_is_dark_and_one_colour_is_uniform() -> None:
    """What statistics of luma are for."""
    black, red = (np.full((72, 128, 3), colour, dtype=np.uint8) for colour in ((0, 0, 0), (200, 0, 0)))
    rows = [measure(None, small_picture(picture)) for picture in (black, red)]
    assert [int(row["luma_p98"][0]) for row in rows] == [0, 60]
    assert [int(row["luma_deviation_halves"][0]) for row in rows] == [0, 0]


def test_a_blurred_frame_is_less_sharp() -> None:
    """Gradient energy falls, whatever the brightness."""
    rng = np.random.default_rng(2)
    sharp = rng.integers(0, 256, (144, 256, 3)).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 2), dtype=np.uint8)
    assert measure(None, small_picture(sharp))["sharpness"] > 4 * measure(None, small_picture(blurred))["sharpness"]


def test_differences_to_the_sample_before_are_kept() -> None:
    """The grey difference is the mean over all pixels; a first sample has none."""
    before, now = small_picture(noise(3)), small_picture(noise(4))
    row = measure(before, now)
    expected = np.abs(before.grey.astype(int) - now.grey).mean()
    assert row["grey_difference"][0] == pytest.approx(expected)
    assert row["score"][0] == compare(before, now).score > 0
    assert compare(None, now) == NO_CHANGE
    assert compare(now, now) == NO_CHANGE


def test_a_sample_at_the_edge_of_two_spans_becomes_what_it_is_within_one() -> None:
    """Any number of workers gives the same features."""
    before, now = small_picture(noise(5)), small_picture(noise(6))
    row = measure(None, now)
    set_change(row, compare(before, now))
    assert row.tobytes() == measure(before, now).tobytes()


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (1920, 1080), (90, 160), (4, 4), (1, 2000), (2000, 1)])
def test_frames_of_any_shape_have_a_coarse_picture(height: int, width: int) -> None:
    """Wide, upright, tiny, or a line."""
    picture = np.full((height, width, 3), (10, 120, 240), dtype=np.uint8)
    row = measure(None, small_picture(picture))
    assert (row["colours"] == (10, 120, 240)).all()
    assert (luma(row) == round(0.299 * 10 + 0.587 * 120 + 0.114 * 240)).all()
    assert small_picture(picture).rgb.shape[1] <= SMALL_WIDTH


def test_a_small_picture_outlives_the_frame_it_was_made_of() -> None:
    """Decoders use their memory again."""
    picture = noise(7, height=90, width=160)
    small = small_picture(picture)
    kept = small.rgb.copy()
    picture[:] = 0
    assert (small.rgb == kept).all()


def test_features_appended_later_leave_earlier_arrays_alone() -> None:
    """Shots are planned while the film is still scanned."""
    rows = np.zeros(1000, dtype=FEATURES)
    rows["score"] = np.arange(1000)
    features = FeatureList()
    features.append(rows[:10])
    early = features.array()
    for at in range(10, 1000):
        features.append(rows[at : at + 1])
    assert early["score"].tolist() == list(range(10))
    assert features.array()["score"].tolist() == list(range(1000))
    with pytest.raises(ValueError, match="read-only"):
        early["score"][0] = 1
