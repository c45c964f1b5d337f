"""The daemon is ended, killed, or started twice: what runs goes on, and what was answered is true."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from frame_extractor.contract.process import ProcessIdentity, is_alive
from framed.errors import Exit, FramedError
from framed.protocol.messages import ProjectState
from tests.fakes.tmux_trap import TmuxTrap
from tests.harness.held_film import drop, hold
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import DEADLINE_S, until

COMPLETE, FAILED, RUNNING = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.RUNNING

REPOSITORY = Path(__file__).resolve().parents[2]


def gated_film(root: Root, words: str = "") -> tuple[subprocess.Popen[bytes], ProcessIdentity, Path]:
    """A daemon, and the fake extractor of its film `onward`, which runs until the last of the three, a file, is there;
    then it does as `words` say.
    """
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("onward", f"wait {gate} {words}")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    return daemon, process, gate


def test_killed_daemon_finds_its_three_films_at_work_again(root: Root, film: Path) -> None:
    """The same processes, under the same jobs; they complete under the next daemon, and no attempt was used."""
    projects = ("luca", "onward", "orion")
    daemon = root.start(real=True)
    for project in projects:
        drop(root, project, film)
    held = hold(root, *projects)
    before = {project: root.wait_for(project, RUNNING).job_id for project in projects}
    stop(daemon, signal.SIGKILL)
    root.start(real=True)
    for project in projects:
        adopted = root.wait_for(project, RUNNING)
        assert (adopted.job_id, adopted.attempt, adopted.workers) == (before[project], 1, 1)
    assert all(is_alive(each.process) for each in held)
    for each in held:
        each.go_on()
    for project in projects:
        done = root.wait_for(project, COMPLETE)
        assert (done.job_id, done.attempt) == (before[project], 1)
        assert done.frames == len(list(root.layout(project).frames_dir.iterdir())) > 0
        assert len(root.attempts(project)) == 1


def test_film_that_completes_while_no_daemon_runs_is_complete(root: Root, film: Path) -> None:
    """Its exit record says so, and its images are counted."""
    daemon = root.start(real=True)
    drop(root, "onward", film)
    [held] = hold(root, "onward")
    stop(daemon, signal.SIGKILL)
    held.go_on()
    until(lambda: not is_alive(held.process), "the extractor has ended")
    root.start(real=True)
    done = root.wait_for("onward", COMPLETE, FAILED)
    assert (done.state, done.attempt) == (COMPLETE, 1)
    assert done.frames == len(list(root.layout("onward").frames_dir.iterdir())) > 0
    assert len(root.attempts("onward")) == 1


def test_film_that_fails_while_no_daemon_runs_has_failed(root: Root) -> None:
    """For the reason in its exit record."""
    daemon, process, gate = gated_film(root, "exit 65")
    stop(daemon, signal.SIGKILL)
    gate.touch()
    until(lambda: not is_alive(process), "the extractor has ended")
    root.start()
    failed = root.wait_for("onward", COMPLETE, FAILED)
    assert (failed.state, failed.reason) == (FAILED, "exit 65 (asked to end with 65)")
    assert len(root.attempts("onward")) == 1


def test_extractor_killed_while_no_daemon_runs_is_retried(root: Root) -> None:
    """tmux remembers how it ended, and the attempt counts."""
    daemon, process, gate = gated_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    gate.touch()
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 2


@pytest.mark.parametrize(
    ("trap", "attempts"),
    [({"before": "kill -9 $PPID; exit"}, [2]), ({"after": "kill -9 $PPID"}, [1])],
    ids=["attempt-recorded", "session-started"],
)
def test_daemon_killed_at_a_launch_has_started_exactly_one_extractor(
    root: Root, film: Path, tmp_path: Path, trap: dict[str, str], attempts: list[int]
) -> None:
    """Killed when the attempt was written down and its session was not there yet; and when it had just begun."""
    tmux = TmuxTrap(tmp_path / "bin", **trap)
    tmux.arm()
    daemon = root.start(real=True, environment=tmux.environment)
    drop(root, "onward", film)
    assert daemon.wait(DEADLINE_S) == -signal.SIGKILL
    root.start(real=True)
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert [record.attempt for record in root.attempts("onward")] == attempts


def test_recycled_pid_is_neither_adopted_nor_signalled(root: Root, stranger: ProcessIdentity) -> None:
    """The record names a stranger, with another start time, though somebody works in the folder: it lives on, and the
    film is started again.
    """
    daemon, process, gate = gated_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not is_alive(process), "the extractor is gone")
    root.forge("onward", pid=stranger.pid)
    gate.touch()
    with root.layout("onward").lock.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root.start()
        until(root.layout("onward").spec(2).exists, "another attempt is made")
    root.wait_for("onward", COMPLETE)
    assert is_alive(stranger)


def test_process_without_the_folders_lock_is_not_taken_for_an_extractor(root: Root, stranger: ProcessIdentity) -> None:
    """A forged record that names a living stranger down to its start time."""
    daemon, process, gate = gated_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    root.forge("onward", pid=stranger.pid, started_at_ticks=stranger.started_at_ticks)
    root.start()
    gate.touch()
    root.wait_for("onward", COMPLETE)
    assert len(root.attempts("onward")) == 2
    assert is_alive(stranger)


def test_another_boot_means_resumed_and_not_adopted(root: Root, stranger: ProcessIdentity) -> None:
    """What ran before a reboot is lost, not failed, though its pid is taken again, by a process that lives on."""
    daemon, process, gate = gated_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    root.tmux("kill-server")
    root.forge("onward", pid=stranger.pid, started_at_ticks=stranger.started_at_ticks, boot_id="another-boot")
    rewrite_jobs(root, process.boot_id, "another-boot")
    gate.touch()
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 2
    assert is_alive(stranger)


def test_of_two_daemons_started_at_once_exactly_one_runs(new_root: Callable[..., Root]) -> None:
    """Twenty pairs, all at the same instant: the loser names the winner's pid, and the socket is the winner's."""
    roots = {str(made.places.root): made for made in (new_root(name=f"r{number}") for number in range(20))}
    command = [sys.executable, "-m", "tests.harness.many_daemons", *roots]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as daemons:
        try:
            assert daemons.stdout is not None
            losers = [daemons.stdout.readline().split() for _ in roots]
            assert {root for _code, root, _number in losers} == roots.keys()
            for code, path, number in losers:
                root = roots[path]
                assert int(code) == Exit.REFUSED, root.log_of(int(number))
                until(root.answers, f"the daemon of {path} answers")
                winner = json.loads(root.places.lock_file.read_bytes())["pid"]
                assert os.getpgid(winner) == daemons.pid
                assert f"(pid {winner})" in root.log_of(int(number))
        finally:
            os.killpg(daemons.pid, signal.SIGKILL)


def test_no_acknowledged_submit_is_lost_to_a_kill(new_root: Callable[..., Root]) -> None:
    """A hundred submits of five clients while the daemon is killed again and again: who was answered has that job, and
    nobody has two, though every client that was not answered asked again.
    """
    settings = QUICK.replace("watch: {scan_interval_s: 0.2", "watch: {auto_submit: false, scan_interval_s: 60")
    root = new_root(settings.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    root.film("first", "wait /nowhere")
    projects = [f"film{number}" for number in range(100)]
    for project in projects:
        root.film(project)
    daemon = root.start()
    root.submit("first")
    root.wait_for("first", RUNNING)
    acknowledged: dict[str, str | None] = {}

    def submit_all(mine: list[str]) -> None:
        for project in mine:
            while project not in acknowledged:
                try:
                    acknowledged[project] = root.submit(project, key=f"the-submit-of-{project}").outcomes[0].job_id
                except FramedError:
                    time.sleep(0.02)

    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    clients = [threading.Thread(target=submit_all, args=(projects[number::5],)) for number in range(5)]
    for client in clients:
        client.start()
    for n_before in range(15, 100, 15):
        until(lambda n=n_before: len(acknowledged) >= n, f"{n_before} submits are answered")  # type: ignore[misc]
        time.sleep(dice.uniform(0, 0.03))
        stop(daemon, signal.SIGKILL)
        daemon = root.start()
    for client in clients:
        client.join(DEADLINE_S)
    assert len(acknowledged) == 100, f"seed {seed}"
    stop(daemon, signal.SIGKILL)
    with sqlite3.connect(root.places.store) as db:
        jobs = db.execute("SELECT project, id FROM jobs WHERE project != 'first'").fetchall()
    db.close()
    assert sorted(jobs) == sorted(acknowledged.items()), f"seed {seed}"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_terminated_daemon_ends_in_two_seconds_and_its_extractor_goes_on(root: Root, signum: signal.Signals) -> None:
    """And is adopted by the next. One of ten times is enough: on a busy machine everything takes long now and then."""
    daemon, process, gate = gated_film(root)
    took_s: list[float] = []
    while len(took_s) < 10 and min(took_s, default=DEADLINE_S) > 2:
        took_s.append(stop(daemon, signum))
        assert daemon.returncode == 0
        assert is_alive(process)
        daemon = root.start()
    assert min(took_s) < 2
    assert root.wait_for("onward", RUNNING).attempt == 1
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 1


def rewrite_jobs(root: Root, old: str, new: str) -> None:
    """Every `old` in the daemon's memory is `new`."""
    with sqlite3.connect(root.places.store) as db:
        for order, document in db.execute("SELECT job_order, document FROM jobs").fetchall():
            changed = document.replace(old.encode(), new.encode())
            db.execute("UPDATE jobs SET document = ? WHERE job_order = ?", (changed, order))
    db.close()
