"""The daemon with the real extractor and real films: the whole way from raw_videos to frames."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract import Results
from framed.control.messages import ProjectState
from tests.fakes.root import Root, until

COMPLETE, FAILED, RUNNING = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.RUNNING

pytestmark = pytest.mark.shared_films


def drop(root: Root, project: str, film: Path) -> None:
    folder = root.places.films_dir(project)
    folder.mkdir()
    shutil.copy(film, folder)


def test_film_killed_in_its_session_is_extracted_all_the_same(root: Root, films_dir: Path) -> None:
    """Dropped in, seen live in tmux, killed with SIGKILL, tried again, complete: and nothing is left over."""
    root.start(real=True)
    drop(root, "reel", films_dir / "formats" / "reel30.mkv")
    process = root.extractor("reel")
    target = "=frame_extraction_reel:"
    until(lambda: "reel30.mkv" in root.tmux("capture-pane", "-p", "-t", target).stdout, "the pane shows the film")
    os.kill(process.pid, signal.SIGKILL)
    status = root.wait_for("reel", COMPLETE, FAILED)
    assert (status.state, status.attempt) == (COMPLETE, 2)
    layout = root.layout("reel")
    results = msgspec.json.decode(layout.results.read_bytes(), type=Results)
    images = list(layout.frames_dir.rglob("*.jpg"))
    assert len(images) == results.total_frames == status.frames > 50
    assert not layout.temp.exists()
    assert "reel30.mkv: " in Path(status.log or "").read_text(encoding="utf-8")


@pytest.mark.parametrize("film", ["broken/text_file.mp4", "broken/zero_bytes.mp4", "broken/trunc_no_moov.mp4"])
def test_what_is_no_film_fails_at_once_with_the_reason(root: Root, films_dir: Path, film: str) -> None:
    """No retries: the input is bad."""
    root.start(real=True)
    drop(root, "bad", films_dir / film)
    status = root.wait_for("bad", COMPLETE, FAILED)
    assert (status.state, status.attempt) == (FAILED, 1)
    assert status.reason.startswith("exit 65 (")
    assert Path(film).name in status.reason
