"""The film of the demo: what it shows, and that its cuts are where it says."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from framed.demo.film import draw_frames, shot_ranges, write_film

SMALL = (64, 36)


def test_equal_arguments_draw_equal_pictures() -> None:
    """Pixel for pixel, so that a film's truth can be relied on."""
    first, second = (np.stack(list(draw_frames(SMALL, 24, 20, [7]))) for _ in range(2))
    assert first.shape == (20, 36, 64, 3)
    assert np.array_equal(first, second)


def test_pictures_change_a_little_within_a_shot_and_much_at_a_cut() -> None:
    """Every shot moves, and every cut is one to the eye."""
    pictures = np.stack(list(draw_frames(SMALL, 24, 60, [15, 30, 45]))).astype(float)
    changes = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3))
    at_cuts, within = changes[[14, 29, 44]], np.delete(changes, [14, 29, 44])
    assert at_cuts.min() > 30
    assert within.min() > 0
    assert within.max() < 8


@pytest.mark.parametrize("cuts", [[0], [20], [5, 5], [9, 4]])
def test_cuts_must_rise_within_the_film(cuts: list[int]) -> None:
    """A cut before the second frame, or after the last one, would be none."""
    with pytest.raises(ValueError, match="cuts must rise"):
        shot_ranges(cuts, 20)


def test_written_film_has_all_frames_at_their_times(tmp_path: Path) -> None:
    """Every frame is reported as it is written, and read back it has its place."""
    path = tmp_path / "film.mkv"
    reported: list[int] = []
    write_film(path, size=SMALL, fps=25, n_frames=30, cuts=[11], report=reported.append)
    assert reported == list(range(1, 31))
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([index / 25 for index in range(30)], abs=0.001)
