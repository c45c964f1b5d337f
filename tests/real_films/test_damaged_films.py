"""Real films with a region zeroed or cut out: what is given is right and rightly numbered, what is lost is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from frame_extractor.errors import NotAFilm
from frame_extractor.reading.film import open_film
from frame_extractor.reading.packets import DemuxerErrors, open_checked
from tests.conformance.corruption import Bench

ZEROED = [
    ("reel30.ts", 1_330_981, 65_536),
    ("reel30.ts", 1_284_408, 4096),
    ("reel30.m2ts", 1_451_815, 512),
    ("reel30.mp4", 620_014, 4096),
    ("reel30.mov", 620_014, 4096),
    ("reel30.mkv", 900_000, 512),
    ("reel30.flv", 900_000, 512),
    ("reel30.avi", 900_000, 4096),
]
DAMAGED = {"broken/corrupt_60x400bytes.mp4", "tricky/corrupted.mp4"}


@pytest.mark.parametrize(("name", "start", "n_bytes"), ZEROED)
def test_a_zeroed_region_is_a_failed_range(
    films_dir: Path, tmp_path: Path, name: str, start: int, n_bytes: int
) -> None:
    """A demuxer's error, a broken structure or impossible bytes: all up to the next key frame is lost, and reported."""
    path = films_dir / "formats" / name
    content = path.read_bytes()
    content = content[:start] + bytes(n_bytes) + content[start + n_bytes :]
    found = Bench(tmp_path).judge_content(path, content, f"{n_bytes} bytes zeroed")
    assert (found.n_wrong, found.n_misnumbered, found.n_unreported, found.is_refused) == (0, 0, 0, False)
    assert found.n_lost > 0


@pytest.mark.parametrize("start", [300_000, 1_152_687])
def test_an_avi_goes_on_rightly_behind_a_hole(films_dir: Path, tmp_path: Path, start: int) -> None:
    """Its index has the pictures that are left."""
    path = films_dir / "formats" / "reel30.avi"
    content = path.read_bytes()
    found = Bench(tmp_path).judge_content(path, content[:start] + content[start + 65_536 :], "64 KB cut out")
    assert (found.n_wrong, found.n_misnumbered, found.n_unreported, found.is_refused) == (0, 0, 0, False)
    assert 0 < found.n_lost < 250


def test_an_avi_without_an_index_gives_nothing_behind_a_hole(films_dir: Path, tmp_path: Path) -> None:
    """Nobody knows when it would be shown."""
    path = films_dir / "formats" / "reel30.avi"
    content = path.read_bytes()
    without = content[:300_000] + content[365_536 : content.rindex(b"idx1")]
    found = Bench(tmp_path).judge_content(path, without, "64 KB cut out, and the index")
    assert (found.n_wrong, found.n_misnumbered, found.is_refused) == (0, 0, False)
    assert 0 < found.n_frames < 250


def test_nothing_is_said_of_films_that_are_not_damaged(films_dir: Path) -> None:
    """No demuxer's complaint, no break and no impossible bytes in any of the shared films but the corrupted ones."""
    accused = set()
    n_films = 0
    for folder in ("formats", "tricky", "whole"):
        for path in sorted((films_dir / folder).iterdir()):
            if path.suffix == ".json" or f"{folder}/{path.name}" in DAMAGED:
                continue
            try:
                film = open_film(path)
            except NotAFilm:
                continue
            n_films += 1
            with open_checked(film, DemuxerErrors()) as (_, packets):
                if any(checked.is_damaged or checked.follows_loss for checked in packets):
                    accused.add(path.name)
    assert n_films > 35
    assert accused == set()
