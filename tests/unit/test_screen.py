"""What a person reads: numbers, lines, and how often."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from frame_extractor.contract.attempt import Progress, Stage
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.quantities import count, duration, size, times
from frame_extractor.contract.results import FailedRange, FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.messages import film_done, progress_line
from frame_extractor.screen import LiveScreen, PlainScreen


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1:00"), (351, "5:51"), (6127, "1:42:07")],
)
def test_durations_read_as_people_say_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (812_000, "812 kB"), (1_400_000_000, "1.4 GB"), (3e12, "3.0 TB")],
)
def test_sizes_read_as_on_the_box_of_a_disk(n_bytes: float, shown: str) -> None:
    assert size(n_bytes) == shown


def test_counts_have_their_plural_and_thousands() -> None:
    assert [count(1, "image"), count(0, "image"), count(14500, "image")] == ["1 image", "0 images", "14,500 images"]
    assert [times(0.042), times(3.94), times(27.3)] == ["0.04x", "3.9x", "27x"]


def film(**others: Any) -> FilmResult:
    return FilmResult(
        name="onward.mkv",
        path="/onward.mkv",
        fingerprint="aa-1",
        status="complete",
        images=1598,
        duration_s=596.0,
        wall_s=91.0,
        **others,
    )


def test_line_of_a_film_says_images_shots_place_and_time() -> None:
    line = film_done(film(shots=129, folder="Ep2.mkv"), OutputLayout(Path("/out/frames")))
    assert line == (
        "onward.mkv: 1,598 images of 129 shots in /out/frames/Ep2.mkv, 9:56 of film in 1:31 (6.5x realtime)"
    )


@pytest.mark.parametrize(("start_s", "end_s"), [(60.0, 90.0), (-90.0, -60.0), (566.0, 0.0), (-30.0, 900.0)])
def test_line_of_a_film_counts_the_seconds_of_its_range(start_s: float, end_s: float) -> None:
    settings = ExtractionSettings(start_s=start_s, end_s=end_s)
    line = film_done(film(settings=settings), OutputLayout(Path("/out/frames")))
    assert ", 30 s of film in 1:31 (0.33x realtime)" in line


def test_line_of_a_film_includes_what_is_missing() -> None:
    """What was wanted and left out, and what could not be decoded."""
    failed = (FailedRange(start_s=10, end_s=13.5, reason="damaged"),)
    rejected = {"black": 1, "blurred": 3, "near_duplicate": 1286}
    line = film_done(film(rejected=rejected, failed_ranges=failed), OutputLayout(Path("/out/frames")))
    assert "; 1,290 frames left out (1,286 near-duplicates, 3 blurred, 1 black), see rejected.jsonl; " in line
    assert "3.5 s of it could not be decoded" in line
    assert "shots" not in line


def progress(fraction: float) -> Progress:
    return Progress(
        attempt=1,
        stage=Stage.WRITING,
        film="onward.mkv",
        film_number=2,
        n_films=3,
        fraction=fraction,
        film_seconds_done=10,
        film_seconds_total=20,
        images=120,
        workers=2,
        elapsed_s=5,
        eta_s=65,
        realtime_factor=2.0,
        images_per_s=24,
        updated_at="2026-01-01T00:00:00+00:00",
    )


def test_plain_progress_is_one_complete_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, not more often than it should be."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    screen = PlainScreen()
    for second in range(1, 26):
        now = 100.0 + second
        screen.progress(progress(0.5))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [progress_line(progress(0.5))] * 2
    assert shown.err.startswith("film 2 of 3, onward.mkv: 50.0%, writing, 120 images, 2.0x realtime, 1:05 left\n")


def test_screen_that_went_away_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pane that was closed, a pipe nobody reads."""

    class Closed(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", Closed())
    for screen in (PlainScreen(), LiveScreen()):
        with screen:
            screen.note("a note")
            screen.failure("a failure")
            screen.result("a result")
            screen.progress(progress(0.5))
