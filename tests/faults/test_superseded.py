"""An extractor lives on although another has taken its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import is_alive
from framed.protocol.messages import ProjectState
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import Root, stop
from tests.harness.until import until

COMPLETE, RUNNING = ProjectState.COMPLETE, ProjectState.RUNNING


def extractor(film: Path, layout: OutputLayout, *options: str) -> subprocess.Popen[str]:
    """By hand, leading a process group of its own, its workers in it."""
    command = [sys.executable, "-m", "frame_extractor", str(film), "-o", str(layout.folder), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0)


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_extractor_that_comes_back_from_the_dead_changes_nothing(tmp_path: Path) -> None:
    """Stopped, superseded where no lock shows it (it was taken away), and continued: it ends with 76, and its temporary
    folder is all that goes.
    """
    film = write_film(tmp_path / "film.mkv", FilmPlan(size=(160, 96), n_frames=1440, cuts=tuple(range(48, 1440, 48))))
    layout = OutputLayout(tmp_path / "output" / "frames")
    first = extractor(film, layout, "--workers", "2", "--mode", "interval", "--interval-seconds", "0.01")
    until(lambda: layout.frames_dir.is_dir() and len(os.listdir(layout.frames_dir)) >= 5, "the first images")
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        layout.lock.unlink()
        second = extractor(film, layout, "--mode", "interval")
        _, stderr = second.communicate(timeout=60)
        assert second.returncode == 0, stderr
        before = {path: content for path, content in files_in(layout.folder).items() if layout.temp not in path.parents}
    finally:
        os.killpg(first.pid, signal.SIGCONT)
        _, stderr = first.communicate(timeout=60)
    assert first.returncode == ExitCode.SUPERSEDED, stderr
    assert "attempt 2 has begun" in stderr
    after = files_in(layout.folder)
    own_words = {layout.exit(1), layout.control / "attempt-1.log"}
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == own_words
    assert not layout.temp.exists()


def test_extractor_that_was_given_up_is_ended_before_the_next_begins(root: Root) -> None:
    """It lives, and has lost its lock: somebody took the file away."""
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("onward", f"wait {gate}")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    stop(daemon, signal.SIGKILL)
    root.layout("onward").lock.unlink()
    root.start()
    root.extractor("onward", attempt=2)
    assert not is_alive(process)
    line = f"extractor superseded project=onward job_id={root.wait_for('onward', RUNNING).job_id}"
    until(lambda: line in root.log_of(1), "it is logged")
    gate.touch()
    root.wait_for("onward", COMPLETE)
