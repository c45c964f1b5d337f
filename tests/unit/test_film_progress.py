"""Progress of one film: the share that is done of what there is to do, whatever was kept of earlier attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from frame_extractor.pipeline.film_progress import SCAN_SHARE, FilmProgress, FilmProgressReporter
from frame_extractor.reading.film import UPRIGHT, Film

FILM = Film(Path("/film.mkv"), "matroska", "h264", 0, 640, 360, UPRIGHT, 24.0, 600.0, 14_400)


class RecordedProgress:
    """A reporter, and what it recorded."""

    def __init__(self) -> None:
        self.progress: list[FilmProgress] = []
        self.reporter = FilmProgressReporter(FILM.duration_s, self.progress.append)

    @property
    def fraction(self) -> float:
        fractions = [recorded.fraction for recorded in self.progress]
        assert fractions == sorted(fractions)
        return fractions[-1]


@pytest.fixture
def recorded() -> RecordedProgress:
    return RecordedProgress()


def test_fresh_film_is_scanned_and_then_a_little_is_read_again(recorded: RecordedProgress) -> None:
    recorded.reporter.scanned(0, 300)
    assert recorded.fraction == pytest.approx(SCAN_SHARE / 2)
    recorded.reporter.scanned(1, 300)
    recorded.reporter.missing(2)
    recorded.reporter.repairing()
    assert recorded.fraction == pytest.approx(SCAN_SHARE)
    recorded.reporter.repaired()
    assert recorded.fraction == pytest.approx((1 + SCAN_SHARE) / 2)


def test_scan_whose_scores_are_kept_is_no_work(recorded: RecordedProgress) -> None:
    """With other settings only the missing images are: the first of 200 is not the last of the film."""
    recorded.reporter.needs_no_scan()
    recorded.reporter.missing(200)
    recorded.reporter.repairing()
    assert recorded.fraction == 0
    for _ in range(100):
        recorded.reporter.repaired()
    assert recorded.fraction == pytest.approx(0.5)
    assert recorded.progress[-1].seconds_cached == 0


def test_kept_spans_whose_images_are_all_missing_are_half_of_the_work(recorded: RecordedProgress) -> None:
    """A killed attempt that goes on with another quality: what it kept saves the scores, not the images."""
    recorded.reporter.missing(200)
    recorded.reporter.cached(600)
    recorded.reporter.repairing()
    assert recorded.fraction == pytest.approx(0.5)
    assert recorded.progress[-1].seconds_cached == pytest.approx(300)
    for _ in range(100):
        recorded.reporter.repaired()
    assert recorded.fraction == pytest.approx(0.75)


def test_film_that_begins_again_does_not_go_back(recorded: RecordedProgress) -> None:
    recorded.reporter.scanned(0, 300)
    recorded.reporter.restart()
    recorded.reporter.scanned(0, 30)
    assert recorded.fraction == pytest.approx(SCAN_SHARE / 2)
