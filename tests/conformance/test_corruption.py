"""Damaged films: no picture that calls itself good is another than the sound film's.

A part of what `python -m tests.conformance.corruption_table` tries.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.corruption import SEEDS, Bench, Finding, corruptions, is_claimed_right
from tests.conformance.pairs import CARRIED, FilmMaker

CLAIMED = [
    (container, codec)
    for container, codecs in CARRIED.items()
    for codec in ("h264-open-pyramid", "mpeg2")
    if codec in codecs
]
AS_STATED = {
    ("mkv", "hevc-default"): 7,
    ("mp4", "hevc-default"): 6,
    ("ts", "hevc-default"): 10,
    ("avi", "wmv2"): 11,
    ("avi", "mpeg4-b"): 6,
    ("mp4", "mpeg4-b"): 0,
}
"""Of films whose decoders check little: how many of the seed's corruptions gave wrong pictures before demuxers were
heard and packets checked."""


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> FilmMaker:
    return FilmMaker(tmp_path_factory.mktemp("films"))


@pytest.mark.parametrize(("container", "codec"), CLAIMED)
def test_large_damage_gives_no_wrong_picture(maker: FilmMaker, tmp_path: Path, container: str, codec: str) -> None:
    """Zeroed, cut or swapped: what is touched is missing, all else is right, at its time, with its number."""
    path, bench = maker.make(container, codec, "even"), Bench(tmp_path)
    claimed = [each for each in corruptions(path.stat().st_size, SEEDS[:1]) if is_claimed_right(codec, each)]
    found = {str(each): bench.try_out(path, each) for each in claimed}
    assert found
    assert {name: finding for name, finding in found.items() if finding.n_wrong or finding.is_fault} == {}
    if container not in {"mkv", "flv"}:  # A frame whose header is gone there is one frame that nobody misses.
        assert {name: finding for name, finding in found.items() if finding.n_misnumbered} == {}


@pytest.mark.parametrize(("container", "codec"), AS_STATED)
def test_what_decoders_cannot_see_has_not_become_more(
    maker: FilmMaker, tmp_path: Path, container: str, codec: str
) -> None:
    """HEVC, WMV2 and MPEG-4 ASP: films with wrong pictures, of all kinds of damage."""
    path, bench = maker.make(container, codec, "even"), Bench(tmp_path)
    found: list[Finding] = [finding for _, finding in bench.findings(path, SEEDS[:1])]
    assert sum(finding.n_wrong > 0 for finding in found) <= AS_STATED[container, codec]
    assert not any(finding.is_fault for finding in found)


def test_a_sound_film_is_judged_right(maker: FilmMaker, tmp_path: Path) -> None:
    """The bench itself: nothing wrong, misnumbered, missing or failed of a film that is not damaged."""
    path, bench = maker.make("ts", "h264-closed", "even"), Bench(tmp_path)
    n_frames = bench.judge_undamaged(path).n_frames
    assert bench.judge_undamaged(path) == Finding(n_frames=n_frames)
    assert n_frames > 48
