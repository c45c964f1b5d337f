"""Shares that grow and shrink, pause, drain and reload: a real daemon, its tmux, and the fake extractor."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.attempt import AttemptSpec, Control
from framed.ctl.client import CallFailed, connect
from framed.errors import Exit
from framed.protocol.messages import (
    Drain,
    DrainReply,
    Pause,
    PauseReply,
    ProjectState,
    Reload,
    ReloadReply,
    Resume,
    ResumeReply,
    Undrain,
)
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

WIDE = QUICK.replace("slots: 4, max_active: 4", "slots: 6, max_active: 3").replace(
    "workers_per_project: 1", "workers_per_project: auto"
)


@pytest.fixture
def root(new_root: Callable[..., Root]) -> Root:
    return new_root(WIDE)


def key() -> str:
    return uuid.uuid4().hex


def pause(root: Root, *projects: str) -> PauseReply:
    with connect(root.places) as daemon:
        return daemon.call("pause", Pause(projects=projects, every=not projects, key=key()), PauseReply)


def resume(root: Root, *projects: str) -> ResumeReply:
    with connect(root.places) as daemon:
        return daemon.call("resume", Resume(projects=projects, every=not projects, key=key()), ResumeReply)


def drain(root: Root, *, on: bool = True) -> DrainReply:
    with connect(root.places) as daemon:
        if on:
            return daemon.call("drain", Drain(key=key()), DrainReply)
        return daemon.call("undrain", Undrain(key=key()), DrainReply)


def framectl(root: Root, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "framed.ctl", "--root", str(root.places.root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def workers(root: Root) -> dict[str, int]:
    return {name: status.workers for name, status in root.statuses().items()}


def has(root: Root, expected: dict[str, int]) -> bool:
    return workers(root) == expected


def begin(root: Root, project: str, end: Path) -> None:
    """A film that runs until `end` exists."""
    root.film(project, f"wait {end}")
    root.wait_for(project, ProjectState.RUNNING, ProjectState.QUEUED)


def test_running_projects_shrink_for_a_third_and_grow_back(root: Root, tmp_path: Path) -> None:
    """6, then 3 each, then 2 each, and 3 each again; each gets it in its control.json, and runs in one attempt."""
    ends = {name: tmp_path / f"end-{name}" for name in ("a", "b", "c")}
    root.start()
    shares = [{"a": 6}, {"a": 3, "b": 3}, {"a": 2, "b": 2, "c": 2}]
    for (name, end), expected in zip(ends.items(), shares, strict=True):
        begin(root, name, end)
        until(functools.partial(has, root, expected), f"they have {expected}")
    assert root.reply().slots.used == 6
    root.extractor("c")
    spec = msgspec.json.decode(root.layout("c").spec(1).read_bytes(), type=AttemptSpec)
    assert spec.workers == 2
    ends["b"].touch()
    root.wait_for("b", ProjectState.COMPLETE)
    until(lambda: workers(root)["a"] == workers(root)["c"] == 3, "they have grown")
    control = msgspec.json.decode(root.layout("a").control_file.read_bytes(), type=Control)
    assert (control.attempt, control.workers, control.paused) == (1, 3, False)
    assert len(root.attempts("a")) == len(root.attempts("c")) == 1


def test_adopted_job_has_the_share_of_its_last_grant(root: Root, tmp_path: Path) -> None:
    """Not the larger one that it began with: a restart shifts nothing."""
    daemon = root.start()
    for name in ("a", "b"):
        begin(root, name, tmp_path / "end")
    until(lambda: workers(root) == {"a": 3, "b": 3}, "they share")
    began_with = {name: root.extractor(name) for name in ("a", "b")}
    stop(daemon)
    root.start()
    reply = root.reply()
    assert (reply.slots.used, workers(root)) == (6, {"a": 3, "b": 3})
    assert {name: root.extractor(name) for name in ("a", "b")} == began_with


def test_paused_project_leaves_its_place_to_another_and_goes_on(new_root: Callable[..., Root], tmp_path: Path) -> None:
    """In the same attempt; over a restart of the daemon; and asked twice is asked once."""
    root = new_root(QUICK.replace("slots: 4, max_active: 4", "slots: 2, max_active: 1"))
    daemon = root.start()
    begin(root, "a", tmp_path / "end-a")
    root.wait_for("a", ProjectState.RUNNING)
    begin(root, "b", tmp_path / "end-b")
    assert [(each.project, each.paused) for each in pause(root, "a").outcomes] == [("a", True)]
    assert pause(root, "a").outcomes[0].message == "already paused"
    root.wait_for("b", ProjectState.RUNNING)
    until(lambda: root.wait_for("a", ProjectState.PAUSED).workers == 0, "it has parked")
    status = root.wait_for("a", ProjectState.PAUSED)
    assert (status.workers, status.reason, status.progress) == (0, "its slots are free for others", 0.5)

    extractor = root.extractor("a")
    stop(daemon)
    root.start()
    status = root.wait_for("a", ProjectState.PAUSED)
    assert status.workers == 0
    (tmp_path / "end-a").touch()
    assert resume(root, "a").outcomes[0].message == "resumed"
    root.wait_for("a", ProjectState.RUNNING, reason="waiting for a place: 1 of 1 projects running")
    (tmp_path / "end-b").touch()
    root.wait_for("b", ProjectState.COMPLETE)
    root.wait_for("a", ProjectState.COMPLETE)
    assert root.extractor("a") == extractor
    assert len(root.attempts("a")) == 1


def test_everything_is_paused_and_a_queued_project_does_not_start(root: Root, tmp_path: Path) -> None:
    """Without a name all are meant; `framectl` says which; a paused one can be cancelled."""
    root.start()
    begin(root, "a", tmp_path / "end-a")
    begin(root, "b", tmp_path / "end-b")
    done = framectl(root, "pause")
    assert done.returncode == Exit.OK
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == {"a", "b"}
    until(lambda: root.reply().slots.used == 0, "all have parked")
    assert "PAUSED" in framectl(root, "status").stdout
    assert framectl(root, "resume", "nobody").returncode == Exit.NO_PROJECT
    root.cancel("b")
    root.wait_for("b", ProjectState.CANCELLED)
    answer = msgspec.json.decode(framectl(root, "resume", "--json").stdout)
    assert answer["outcomes"] == [{"project": "a", "paused": False, "message": "resumed"}]
    (tmp_path / "end-a").touch()
    root.wait_for("a", ProjectState.COMPLETE)
    assert "nothing is paused" in framectl(root, "resume").stderr
    assert framectl(root, "pause", "a").stdout == "a: nothing of it is queued or running\n"
    assert resume(root, "a").outcomes[0].message == "nothing of it is queued or running"
    cancelled = "was cancelled, which cannot be resumed; framectl retry b extracts it again"
    assert resume(root, "b").outcomes[0].message == cancelled


def test_draining_finishes_what_runs_and_starts_nothing(root: Root, tmp_path: Path) -> None:
    """Films are still found and wait; submits are refused; a restart changes nothing of it."""
    daemon = root.start()
    begin(root, "a", tmp_path / "end-a")
    root.wait_for("a", ProjectState.RUNNING)
    assert drain(root).running == ("a",)
    assert drain(root).message == "already draining"
    root.film("b")
    root.wait_for("b", ProjectState.QUEUED, reason="draining: no job is started until `framectl undrain`")
    root.film("c")
    refused = framectl(root, "submit", "c", "--workers", "1")
    assert (refused.returncode, "draining" in refused.stderr) == (Exit.REFUSED, True)
    stop(daemon)
    root.start()
    assert root.reply().draining
    assert any(notice.startswith("draining") for notice in root.notices())
    (tmp_path / "end-a").touch()
    root.wait_for("a", ProjectState.COMPLETE)
    assert root.wait_for("b", ProjectState.QUEUED).workers == 0
    done = framectl(root, "undrain")
    assert done.stdout.splitlines()[0] == "no longer draining"
    root.wait_for("b", ProjectState.COMPLETE)


def test_nothing_starts_while_memory_is_low(root: Root) -> None:
    """The row says what there is and what is needed; a smaller floor, reloaded, lets it go."""
    settings = root.places.settings_file
    settings.write_text(WIDE.replace("memory_floor_gb: 0", "memory_floor_gb: 100000"))
    root.start()
    root.film("a")
    status = root.wait_for("a", ProjectState.QUEUED)
    until(lambda: "memory low" in (root.wait_for("a", ProjectState.QUEUED).reason), "it says why it waits")
    assert root.wait_for("a", ProjectState.QUEUED).reason.endswith("GB free, needs 100000")
    assert status.workers == 0
    settings.write_text(WIDE)
    assert framectl(root, "reload").stdout == "changed: budget.memory_floor_gb\n"
    root.wait_for("a", ProjectState.COMPLETE)


def test_settings_are_reloaded_and_a_bad_file_keeps_the_old_ones(root: Root, tmp_path: Path) -> None:
    """On SIGHUP and by the verb; the error shows until the file is corrected; what cannot change live is reported."""
    settings = root.places.settings_file
    daemon = root.start()
    begin(root, "a", tmp_path / "end")
    until(lambda: workers(root) == {"a": 6}, "it has all")
    settings.write_text(WIDE.replace("slots: 6", "slots: 4"))
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: root.reply().slots.total == 4, "there are four slots")
    until(lambda: workers(root) == {"a": 4}, "it has parked two workers")

    settings.write_text(WIDE.replace("slots: 6", "slots: none"))
    with connect(root.places) as client, pytest.raises(CallFailed, match=r"budget\.slots: must be a whole number"):
        client.call("reload", Reload(), ReloadReply)
    assert framectl(root, "reload").returncode == Exit.USAGE
    [notice] = root.notices()
    assert "budget.slots: must be a whole number" in notice
    assert "the previous settings are in use" in notice
    assert root.reply().slots.total == 4
    settings.write_text(WIDE)
    until(lambda: not root.notices(), "the corrected file is read")
    until(lambda: workers(root) == {"a": 6}, "it has grown")

    settings.write_text(WIDE + "paths: {datasets: elsewhere}\n")
    done = framectl(root, "reload")
    assert (done.returncode, "paths.datasets" in done.stderr) == (Exit.OK, True)
    assert any("paths.datasets" in notice for notice in root.notices())
