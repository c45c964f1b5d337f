"""Films in every container, damaged films, odd films: each ends COMPLETE or in a clear FAILED."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.results import FilmResult, Results
from framed.protocol.messages import ProjectState, ProjectStatus
from tests.harness.root import Root, roots

SETTINGS = """\
watch: {scan_interval_s: 0.5, settle_s: 1, settle_scans: 2, give_up_s: 0}
budget: {slots: 2, max_active: 2}
frame_extraction: {detector: content, selection: even, dedupe: off}
"""
"""Evenly: one of these films is all black, and pictures of another codec or sampling are not quite as distinct."""
FORMATS = ("avi", "flv", "m2ts", "mkv", "mov", "mp4", "ts", "wmv")

FAIL = {
    "broken/audio_only.mp4": "it has sound but no moving pictures",
    "broken/corrupt_60x400bytes.mp4": "cannot be decoded",
    "broken/random_64KB.mkv": "not a film",
    "broken/text_file.mp4": "a text file",
    "broken/trunc_no_moov.mp4": "without its index",
    "broken/zero_bytes.mp4": "the file is empty",
    "tricky/corrupted.mp4": "cannot be decoded",
    "tricky/invalid-bitstream.webm": "the file is damaged",
    "tricky/sample_audio_only.mp4": "it has sound but no moving pictures",
}
"""What is no film, or too damaged to be one, and a word of what is said of it. All others complete."""


@pytest.fixture(scope="module")
def root(films_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A root under a running daemon, into which every film has been dropped, each as a project of its own."""
    for new_root in roots(tmp_path_factory.mktemp("odd")):
        root: Root = new_root(SETTINGS)
        root.start(real=True)
        for film in films(films_dir):
            folder = root.places.raw_videos / project_of(film)
            folder.mkdir()
            shutil.copy(film, folder)
        yield root


def films(films_dir: Path) -> list[Path]:
    return sorted(film for kind in ("formats", "broken", "tricky") for film in (films_dir / kind).iterdir())


def project_of(film: Path) -> str:
    """A project name no two films share."""
    return f"{film.parent.name}-{film.name.replace('.', '-')}"


def ended(root: Root, film: Path) -> ProjectStatus:
    return root.wait_for(project_of(film), ProjectState.COMPLETE, ProjectState.FAILED, deadline_s=500)


def result(root: Root, film: Path) -> FilmResult:
    layout = root.layout(project_of(film))
    return msgspec.json.decode(layout.results.read_bytes(), type=Results).films[0]


def test_every_film_completes_or_fails_clearly(root: Root, films_dir: Path) -> None:
    """At the first attempt, with a reason; nothing is left in temp/, and the daemon is still there."""
    for film in films(films_dir):
        status = ended(root, film)
        why = FAIL.get(f"{film.parent.name}/{film.name}")
        assert status.state is (ProjectState.COMPLETE if why is None else ProjectState.FAILED), (film.name, status)
        assert status.attempt == 1, (film.name, status)
        assert (why or "") in status.reason, (film.name, status)
        layout = root.layout(project_of(film))
        assert not layout.temp.exists(), film.name
        if why is None:
            assert status.frames == len(list(layout.frames_dir.iterdir())) > 0, (film.name, status)
    assert root.statuses()


def test_one_film_in_every_container_gives_the_same_cuts(root: Root, films_dir: Path) -> None:
    """Eight containers, two codecs: the same cuts and the same count of images."""
    of_format = {suffix: films_dir / f"formats/reel30.{suffix}" for suffix in FORMATS}
    for film in of_format.values():
        assert ended(root, film).state is ProjectState.COMPLETE
    found = {suffix: result(root, film) for suffix, film in of_format.items()}
    for suffix, each in found.items():
        assert each.source_frames == 720
        assert len(each.cuts) == len(found["mp4"].cuts)
        tolerance = 1 if suffix == "wmv" else 0
        assert all(abs(a - b) <= tolerance for a, b in zip(each.cuts, found["mp4"].cuts, strict=True)), suffix
        assert each.images == found["mp4"].images, suffix
