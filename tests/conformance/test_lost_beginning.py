"""Films whose first pictures are gone from the file: times and numbers count from where the film began all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.conformance.corruption import Bench
from tests.conformance.pairs import FilmMaker

REGION_BYTES = 512

DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "zeroed": lambda film, at: film[:at] + bytes(REGION_BYTES) + film[at + REGION_BYTES :],
    "cut": lambda film, at: film[:at] + film[at + REGION_BYTES :],
    "overwritten": lambda film, at: film[:at] + film[1001 : 1001 + REGION_BYTES][::-1] + film[at + REGION_BYTES :],
}
FILMS = [
    ("ts", "h264-pyramid", "even"),
    ("ts", "h264-no-b", "late"),
    ("m2ts", "mpeg2", "late"),
    ("mkv", "h264-no-b", "even"),
    ("mkv", "h264-open-pyramid", "even"),
    ("flv", "h264-pyramid", "even"),
    ("avi", "h264-no-b", "even"),
]


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> FilmMaker:
    return FilmMaker(tmp_path_factory.mktemp("films"))


def first_packet_at(path: Path) -> int:
    with av.open(str(path)) as film:
        return next(film.demux(video=0)).pos or 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("film", FILMS, ids="-".join)
def test_a_film_that_lacks_its_first_pictures_keeps_its_times(
    maker: FilmMaker, tmp_path: Path, film: tuple[str, str, str], damage: str
) -> None:
    """The header of its first packet is destroyed: what is missing is in a failed range, nothing is shifted."""
    path = maker.make(*film)
    damaged = DAMAGES[damage](path.read_bytes(), first_packet_at(path) - 64)
    found = Bench(tmp_path).judge_content(path, damaged, damage)
    assert (found.n_wrong, found.n_misnumbered, found.n_unreported, found.is_fault) == (0, 0, 0, False)
    assert found.is_refused or 0 < found.n_lost < found.n_frames
