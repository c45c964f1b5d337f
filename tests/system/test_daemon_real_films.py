"""The daemon with the real extractor and real films: the whole way from raw_videos to frames."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from frame_extractor.contract.results import Results
from framed.ctl.client import connect
from framed.protocol.messages import Pause, PauseReply, ProjectState, ProjectStatus, Resume, ResumeReply
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, FAILED, RUNNING = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.RUNNING
PAUSED = ProjectState.PAUSED
IDLE = psutil.IOPRIO_CLASS_IDLE

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
    assert len(images) == results.total_frames == status.frames > 20
    assert not layout.temp.exists()
    assert "reel30.mkv: " in Path(status.log or "").read_text(encoding="utf-8")


@pytest.mark.parametrize("film", ["broken/text_file.mp4", "broken/zero_bytes.mp4", "broken/trunc_no_moov.mp4"])
def test_what_is_no_film_fails_at_once_with_the_reason(root: Root, films_dir: Path, film: str) -> None:
    """Whoever submits it need not wait until it can be opened; and no retries: the input is bad."""
    root.start(real=True)
    drop(root, "bad", films_dir / film)
    root.submit("bad")
    status = root.wait_for("bad", COMPLETE, FAILED)
    assert (status.state, status.attempt) == (FAILED, 1)
    assert status.reason.startswith("exit 65 (")
    assert Path(film).name in status.reason


def test_film_that_was_paused_gives_the_same_bytes(new_root: Callable[..., Root], films_dir: Path) -> None:
    """It leaves both slots to another project of the same film, and goes on in its first attempt."""
    wide = QUICK.replace("slots: 4, max_active: 4", "slots: 2, max_active: 2")
    root = new_root(wide.replace("project: 1", "project: auto, selection: even, dedupe: off"))
    root.start(real=True)
    drop(root, "paused", films_dir / "formats" / "reel30.mkv")
    root.extractor("paused")
    with connect(root.places) as daemon:
        daemon.call("pause", Pause(projects=("paused",), key="pause"), PauseReply)
    until(lambda: root.wait_for("paused", PAUSED).workers == 0, "its workers have parked")
    drop(root, "undisturbed", films_dir / "formats" / "reel30.mkv")
    until(lambda: (status := root.status("undisturbed")) is not None and status.workers == 2, "the other has both")
    extractor = psutil.Process(root.extractor("undisturbed").pid)
    workers = until(lambda: each if len(each := extractor.children(recursive=True)) >= 2 else None, "its workers")
    for thread in threads_of(extractor, *workers):
        # All give way to others, which is the default.
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):  # that one has ended
            found = (os.getpriority(os.PRIO_PROCESS, thread), psutil.Process(thread).ionice().ioclass)
            assert found == (10, IDLE), thread
    root.wait_for("undisturbed", COMPLETE)
    assert root.wait_for("paused", PAUSED).progress < 1
    with connect(root.places) as daemon:
        daemon.call("resume", Resume(projects=("paused",), key="resume"), ResumeReply)
    assert root.wait_for("paused", COMPLETE, FAILED).attempt == 1
    paused, undisturbed = (images_of(root.layout(name).frames_dir) for name in ("paused", "undisturbed"))
    assert paused == undisturbed
    assert len(paused) > 20


def threads_of(*processes: psutil.Process) -> Iterator[int]:
    """Niceness and class belong to threads; one that has ended meanwhile is left out."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from (thread.id for thread in process.threads())


def images_of(frames_dir: Path) -> dict[str, bytes]:
    """Name -> digest of the bytes."""
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in frames_dir.glob("*.jpg")}


def test_images_that_a_user_deletes_stay_deleted(root: Root, films_dir: Path) -> None:
    """Whatever is submitted; `status --json` and `show` count them, NOTE says nothing, `--restore` brings them back."""
    root.start(real=True)
    drop(root, "reel", films_dir / "formats" / "reel30.mkv")
    n_images = root.wait_for("reel", COMPLETE, FAILED).frames
    frames_dir = root.layout("reel").frames_dir
    whole = {path.name: path.read_bytes() for path in frames_dir.iterdir()}
    victims = set(sorted(whole)[::2][:10])
    for name in victims:
        (frames_dir / name).unlink()
    framectl(root, "submit", "--all")

    def counted() -> ProjectStatus | None:
        status = root.wait_for("reel", COMPLETE)
        return status if status.removed == 10 else None

    status = until(counted, "the images are seen to be removed")
    assert (status.frames, status.reason, status.reasons) == (n_images - 10, "", ())
    said = framectl(root, "submit", "reel")
    assert "already extracted with these settings, without 10 images that you have removed; --restore" in said
    said = framectl(root, "show", "reel")
    assert f"{n_images - 10} images, 10 removed by you" in " ".join(said.split())
    film = json.loads(framectl(root, "show", "reel", "--json"))["films"][0]
    assert (film["state"], film["removed"]) == ("extracted", 10)
    assert "would be skipped: already extracted, without 10 images" in framectl(root, "submit", "reel", "--dry-run")
    framectl(root, "submit", "reel", "--interval-seconds", "4", "--wait")
    frames = {name.partition("_frame")[2] for name in victims}
    assert not frames & {path.name.partition("_frame")[2] for path in frames_dir.iterdir()}
    framectl(root, "submit", "--all", "--restore", "--wait")
    assert {path.name: path.read_bytes() for path in frames_dir.iterdir()} == whole
    status = root.wait_for("reel", COMPLETE)
    assert (status.frames, status.removed, status.reasons) == (n_images, 0, ())


def framectl(root: Root, *typed: str) -> str:
    environment = {**os.environ, "FRAMED_ROOT": str(root.places.root), "COLUMNS": "160"}
    command = [sys.executable, "-m", "framed.ctl", *typed]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
