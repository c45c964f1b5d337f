"""`framed demo`, as `make demo` runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.harness.until import DEADLINE_S, until

COMMAND = (sys.executable, "-m", "framed", "demo")


def processes_of(root: Path) -> list[str]:
    """Command lines of what runs for the root: its daemon, its tmux server, its extractors."""
    lines = (" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(root) in line]


@contextmanager
def demo(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    pytest.fail(f"never said {words!r}: {''.join(said)}")


def test_demo_finds_every_cut_and_leaves_the_frames_but_no_process(tmp_path: Path) -> None:
    """It says where the frames are, and there they are."""
    root = tmp_path / "demo root"
    done = subprocess.run([*COMMAND, "--keep", str(root)], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    frames = root / "datasets" / "demo" / "frames"
    assert "All 9 shots found" in done.stdout
    assert f"{frames}/" in done.stdout
    assert f"{len(list(frames.glob('*.jpg')))} images of 27 s" in done.stdout
    assert processes_of(root) == []


def test_demo_ended_in_mid_film_leaves_no_process(tmp_path: Path) -> None:
    """Neither daemon nor extractor nor tmux goes on without it."""
    root = tmp_path / "demo"
    with demo("--keep", str(root)) as process:
        read_until(process, "RUNNING")
        until(lambda: len(processes_of(root)) >= 3, "daemon, tmux and extractor run")
        process.terminate()
        assert process.wait(DEADLINE_S) == 130
    assert processes_of(root) == []


def test_demo_interrupted_while_it_renders_leaves_no_file(tmp_path: Path) -> None:
    """Its folder was of its own making, and goes with it."""
    with demo(TMPDIR=str(tmp_path)) as process:
        read_until(process, "frames")
        assert [path.name[:12] for path in tmp_path.iterdir()] == ["framed-demo-"]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("--root", "/tmp", "demo"), ("demo", "--root", "/tmp")])
def test_demo_says_that_its_root_is_its_own(arguments: tuple[str, ...]) -> None:
    """Before or after the verb; nobody's root is taken for it."""
    done = subprocess.run([*COMMAND[:-1], *arguments], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == "framed: the demo makes a root of its own; to choose where, give --keep DIR (see framed demo --help)\n"
    )


def test_demo_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    """Nothing in it is touched."""
    (tmp_path / "captions.txt").write_text("mine")
    done = subprocess.run(
        [*COMMAND, "--keep", str(tmp_path)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 6
    assert done.stderr == f"framed: {tmp_path} is not an empty folder; give --keep a new or an empty one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["captions.txt"]
