"""State that is damaged, and disks that are full: nothing is overwritten, nothing is lost, and what can go on does."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framed.ctl.client import CallFailed
from framed.errors import Exit
from framed.protocol.messages import ProjectState
from tests.harness.held_film import drop, hold
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

COMPLETE, RUNNING, QUEUED = ProjectState.COMPLETE, ProjectState.RUNNING, ProjectState.QUEUED
PAUSED = ProjectState.PAUSED


def truncated(intact: bytes) -> bytes:
    return intact[: len(intact) // 2]


def random_bytes(intact: bytes) -> bytes:
    return random.Random(0).randbytes(len(intact))


def zeros(intact: bytes) -> bytes:
    return bytes(len(intact))


def nothing(_intact: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [truncated, random_bytes, zeros, nothing])
def test_damaged_store_is_set_aside_and_named(root: Root, damage: Callable[[bytes], bytes]) -> None:
    """It is never overwritten, and the daemon does not start as if nothing had been, the second time neither."""
    daemon = root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)
    stop(daemon)
    content = damage(root.places.store.read_bytes())
    root.places.store.write_bytes(content)
    aside = root.places.store.with_name("framed.db.damaged-1")
    for number in (1, 2):
        assert root.launch().wait(30) == Exit.FAILED
        assert f"it is kept as {aside}" in root.log_of(number)
        assert "framed start --recover" in root.log_of(number)
        assert "Traceback" not in root.log_of(number)
    assert aside.read_bytes() == content
    assert not root.places.control_socket.exists()


EVENLY = QUICK.replace("workers_per_project: 1", "workers_per_project: 1, selection: even, dedupe: off")
"""How many images a film gives is known beforehand."""


class SmallDisk:
    """A file system of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / "ballast"

    def fill(self, but_bytes: int = 0) -> None:
        """No more is left than this; not one byte of nothing."""
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while shutil.disk_usage(self._folder).free > but_bytes or not but_bytes:
                file.write(bytes(512))

    def clear(self) -> None:
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(root: Root, folder: Path, size: str) -> Iterator[SmallDisk]:
    """The folder is one of that size; the test is skipped for users who may not mount it."""
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a file system to fill; tests/unit fakes the full disk")
    try:
        yield SmallDisk(folder)
    finally:
        root.end()
        # A tmux server that was asked to end still has its socket there for a moment.
        until(lambda: subprocess.run(["umount", str(folder)], check=False).returncode == 0, "the disk is let go of")


@pytest.fixture
def small_state(root: Root) -> Iterator[SmallDisk]:
    """The root's state lies on two megabytes."""
    with small_disk(root, root.places.state, "2m") as disk:
        yield disk


@pytest.fixture
def small_output(root: Root) -> Iterator[SmallDisk]:
    """The root's images go to ten megabytes, of which 0.2 are to stay free."""
    root.places.settings_file.write_text(EVENLY)
    with small_disk(root, root.places.datasets, "10m") as disk:
        yield disk


def test_full_state_disk_refuses_submits_and_heals_by_itself(root: Root, small_state: SmallDisk) -> None:
    """The film that runs ends in order meanwhile; no submit that was answered is lost, and none that was refused is
    half there.
    """
    gate = root.places.root / "gate"
    root.places.settings_file.write_text(
        QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1").replace(
            "watch: {", "watch: {auto_submit: false, "
        )
    )
    daemon = root.start()
    root.film("onward", f"wait {gate}")
    root.submit("onward")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    projects = [f"film{number}" for number in range(20)]
    for project in projects:
        root.film(project)
    for project in projects:
        # What is found out of a film on the way is little, and might still be written, as if there were room.
        root.wait_for(project, ProjectState.NEW)
    small_state.fill()
    answered: list[str] = []
    # The journal may have a little room within itself.
    with pytest.raises(CallFailed, match="cannot be written: database or disk is full") as refused:
        submit_until_refused(root, projects, answered)
    assert refused.value.exit_code is Exit.REFUSED
    assert "nothing was changed, try again" in str(refused.value)
    last = projects[len(answered)]
    assert (root.wait_for(last, ProjectState.NEW)).job_id is None
    assert any("cannot be written" in notice for notice in root.notices())
    gate.touch()
    until(lambda: root.layout("onward").exit(1).exists(), f"the extractor {process} has ended in order")
    small_state.clear()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    root.submit(last)
    for project in (*answered, last):
        root.wait_for(project, COMPLETE)
    assert root.notices() == ()
    stop(daemon, signal.SIGKILL)
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 1


def submit_until_refused(root: Root, projects: list[str], answered: list[str]) -> None:
    """`answered` are those that were not."""
    for project in projects:
        root.submit(project)
        answered.append(project)


def log_to_be(root: Root, project: str) -> Path:
    """Where the extractor of a job that waits will write."""
    with sqlite3.connect(root.places.store) as db:
        [(path,)] = db.execute("SELECT document ->> 'log_path' FROM jobs WHERE project = ?", (project,)).fetchall()
    db.close()
    return Path(path)


def test_log_on_a_full_disk_or_deleted_costs_no_film(new_root: Callable[..., Root], film: Path) -> None:
    """One film's log is deleted while it is written, the other's every line meets a full disk."""
    root = new_root(QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    root.start(real=True)
    drop(root, "luca", film)
    [held] = hold(root, "luca")
    drop(root, "onward", film)
    root.wait_for("onward", QUEUED)
    log_to_be(root, "onward").symlink_to("/dev/full")
    log = root.wait_for("luca", RUNNING).log
    assert log is not None
    Path(log).unlink()
    held.go_on()
    for project in ("luca", "onward"):
        done = root.wait_for(project, COMPLETE)
        assert (done.attempt, len(root.attempts(project))) == (1, 1)
        assert done.frames > 0


NEEDS_7_MB = "length 6"
"""Words of a film that is estimated to give sixteen images of 1080p, 6.3 MB; the fake extractor's are empty."""


def test_film_waits_for_room_and_begins_by_itself_when_there_is(root: Root, small_output: SmallDisk) -> None:
    """Nothing is tried that would only end at a full disk: its one attempt is its first."""
    small_output.fill(but_bytes=5_500_000)
    root.start()
    root.film("onward", NEEDS_7_MB)
    root.film("ident", "length 1")
    waits = "disk low: needs 7 MB, 5 free"
    until(lambda: root.wait_for("onward", QUEUED).reason == waits, "it waits for room, and says so")
    assert root.wait_for("ident", COMPLETE).attempt == 1
    assert root.wait_for("onward", QUEUED).reason == waits
    assert root.attempts("onward") == []
    small_output.clear()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 1


def test_two_films_that_do_not_fit_together_are_extracted_one_after_the_other(
    new_root: Callable[..., Root],
) -> None:
    """Asked for in the same moment: what the first will write is not promised to the second as well."""
    root = new_root(EVENLY.replace("watch: {", "watch: {auto_submit: false, "))
    with small_disk(root, root.places.datasets, "10m"):
        gate = root.places.root / "gate"
        root.start()
        projects = {"luca", "onward"}
        for project in projects:
            root.film(project, f"{NEEDS_7_MB} wait {gate}")
            root.wait_for(project, ProjectState.NEW)
        root.submit(*projects)
        runs = until(lambda: {each for each in projects if root.attempts(each)}, "one of them has begun").pop()
        [waits] = projects - {runs}
        lack = "disk low: needs 7 MB, 4 free"
        until(lambda: root.wait_for(waits, QUEUED).reason == lack, "the other waits for what the first leaves")
        assert root.attempts(waits) == []
        gate.touch()
        for project in projects:
            assert root.wait_for(project, COMPLETE).attempt == 1


def test_film_is_suspended_while_its_disk_is_low_and_goes_on_by_itself(root: Root, small_output: SmallDisk) -> None:
    """Others filled the disk. It is not its user who has paused it; and its attempt is the same all the time."""
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("onward", f"{NEEDS_7_MB} wait {gate}")
    root.wait_for("onward", RUNNING)
    process = root.extractor("onward")
    small_output.fill(but_bytes=120_000)
    suspended = re.compile(r"disk low: needs 1 MB, 0 free")
    until(lambda: suspended.fullmatch(root.wait_for("onward", PAUSED).reason), "it is suspended, and says why")
    until(lambda: root.wait_for("onward", PAUSED).workers == 0, "its worker is parked")
    stop(daemon, signal.SIGKILL)
    root.start()
    until(
        lambda: suspended.fullmatch(root.wait_for("onward", PAUSED).reason), "it is suspended under the next daemon too"
    )
    small_output.clear()
    root.wait_for("onward", RUNNING)
    assert root.extractor("onward") == process
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 1
