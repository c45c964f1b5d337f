"""Progress of one film: the share that is done of what there is to do, whatever was kept of earlier attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from frame_extractor.engine.film_progress import SCAN_SHARE, FilmProgress, FilmProgressReporter
from frame_extractor.reading.film import UPRIGHT, Film

FILM = Film(Path("/film.mkv"), "matroska", "h264", 0, 640, 360, UPRIGHT, 24.0, 600.0, 14_400)


class Told:
    """A teller, and what it told."""

    def __init__(self) -> None:
        self.progress: list[FilmProgress] = []
        self.teller = FilmProgressReporter(FILM, self.progress.append)

    @property
    def fraction(self) -> float:
        fractions = [told.fraction for told in self.progress]
        assert fractions == sorted(fractions)
        return fractions[-1]


@pytest.fixture
def told() -> Told:
    return Told()


def test_fresh_film_is_scanned_and_then_a_little_is_read_again(told: Told) -> None:
    told.teller.scanned(0, 300)
    assert told.fraction == pytest.approx(SCAN_SHARE / 2)
    told.teller.scanned(1, 300)
    told.teller.missing(2)
    told.teller.repairing()
    assert told.fraction == pytest.approx(SCAN_SHARE)
    told.teller.repaired()
    assert told.fraction == pytest.approx((1 + SCAN_SHARE) / 2)


def test_scan_whose_scores_are_kept_is_no_work(told: Told) -> None:
    """With other settings only the missing images are: the first of 200 is not the last of the film."""
    told.teller.needs_no_scan()
    told.teller.missing(200)
    told.teller.repairing()
    assert told.fraction == 0
    for _ in range(100):
        told.teller.repaired()
    assert told.fraction == pytest.approx(0.5)
    assert told.progress[-1].seconds_kept == 0


def test_kept_spans_whose_images_are_all_missing_are_half_of_the_work(told: Told) -> None:
    """A killed attempt that goes on with another quality: what it kept saves the scores, not the images."""
    told.teller.missing(200)
    told.teller.recalled(600)
    told.teller.repairing()
    assert told.fraction == pytest.approx(0.5)
    assert told.progress[-1].seconds_kept == pytest.approx(300)
    for _ in range(100):
        told.teller.repaired()
    assert told.fraction == pytest.approx(0.75)


def test_film_that_begins_again_does_not_go_back(told: Told) -> None:
    told.teller.scanned(0, 300)
    told.teller.void()
    told.teller.scanned(0, 30)
    assert told.fraction == pytest.approx(SCAN_SHARE / 2)
