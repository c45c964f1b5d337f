"""A part of a film: the same frames as of all of it, and no others are decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from frame_extractor.contract.settings import ExtractionSettings, Mode, Sampling
from frame_extractor.errors import NotAFilm
from tests.conformance.extraction import CUTS, LONG, Outcome, extract, frame_of
from tests.harness.films import FilmPlan, write_film

ALL = ExtractionSettings(mode=Mode.INTERVAL, interval_seconds=0.2, sampling=Sampling.EXACT)


def in_range(start_s: float, end_s: float) -> ExtractionSettings:
    return ExtractionSettings(
        mode=Mode.INTERVAL, interval_seconds=0.2, sampling=Sampling.EXACT, start_s=start_s, end_s=end_s
    )


@pytest.fixture(scope="module")
def all_of_it(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return extract(film, tmp_path_factory.mktemp("all") / "temp", settings=ALL)


@pytest.mark.parametrize(
    ("times_s", "frames"),
    [
        ((10.0, 21.5), range(150, 323)),
        ((0.0, -11.0), range(315)),
        ((-2.0, 0.0), range(450, 480)),
        ((-20.0, -10.0), range(180, 330)),
    ],
)
def test_images_of_a_range_are_those_of_the_film_in_it(
    film: Path, all_of_it: Outcome, tmp_path: Path, times_s: tuple[float, float], frames: range
) -> None:
    found = extract(film, tmp_path / "temp", settings=in_range(*times_s))
    assert found.images == {name: each for name, each in all_of_it.images.items() if frame_of(name) in frames}
    assert all(frame_of(name) == shown for name, shown in found.frames.items())
    assert found.result.decoded_frames == len(frames)
    assert found.result.failed_ranges == ()
    assert found.result.duration_s == pytest.approx(LONG.n_frames / LONG.fps, abs=0.1)


def test_shots_of_a_range_are_cut_by_its_ends(film: Path, tmp_path: Path) -> None:
    """The number of workers changes nothing."""
    settings = ExtractionSettings(mode=Mode.SCENE, start_s=5.0, end_s=24.0)
    found = extract(film, tmp_path / "temp", settings=settings)
    assert found.result.cuts == tuple(cut for cut in CUTS if 75 < cut < 360)
    assert extract(film, tmp_path / "temp1", settings=settings, workers=1).images == found.images


def test_range_has_scores_of_its_own_however_little_it_differs(film: Path, tmp_path: Path) -> None:
    """Frame 150 is at 10 s: it is in the second range only."""
    temp = tmp_path / "temp"
    first = extract(film, temp, settings=in_range(10.00001, 12.0))
    temp.rmdir()
    second = extract(film, temp, settings=in_range(9.999999, 12.0))
    assert second.result.kept_frames == 0
    assert second.result.decoded_frames == first.result.decoded_frames + 1


def test_range_of_a_film_that_is_read_whole(tmp_path: Path) -> None:
    """Containers without times are decoded from their beginning, and no further than the range's end."""
    film = write_film(tmp_path / "film.avi", FilmPlan(codec="mpeg4", options={}, fps=10, n_frames=90, size=(64, 48)))
    whole = extract(film, tmp_path / "temp", settings=ALL)
    part = extract(film, tmp_path / "temp1", settings=in_range(2.0, 5.0))
    assert part.images == {name: content for name, content in whole.images.items() if 20 <= frame_of(name) < 50}
    assert part.result.decoded_frames == 30


@pytest.mark.parametrize(("start_s", "end_s"), [(40.0, 0.0), (20.0, -20.0), (0.0, -50.0)])
def test_range_that_leaves_nothing_is_said_with_the_films_length(
    film: Path, tmp_path: Path, start_s: float, end_s: float
) -> None:
    with pytest.raises(NotAFilm, match=r"it is 0:32 long, and the range from .* to .* leaves nothing of it"):
        extract(film, tmp_path / "temp", settings=in_range(start_s, end_s))
