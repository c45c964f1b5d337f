"""What outlives the daemon, and what the next one makes of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract import ProcessIdentity, StartedRecord
from framed.control import wire
from framed.control.messages import Cancel, ProjectState, Shutdown, ShutdownReply, Submitted
from framed.ctl.client import CallFailed, connect
from framed.errors import Exit
from framed.liveness import identify, is_alive
from tests.fakes.root import QUICK, Root, stop, until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
RUNNING, QUEUED, RETRYING = ProjectState.RUNNING, ProjectState.QUEUED, ProjectState.RETRYING


def running_film(root: Root, words: str = "") -> tuple[subprocess.Popen[bytes], ProcessIdentity, Path]:
    """A daemon, and the extractor of its film `onward`, which runs until the last of the three, a file, is there; then
    it does as `words` say.
    """
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("onward", f"wait {gate} {words}")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    return daemon, process, gate


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_running_film_outlives_the_daemon_and_is_adopted(root: Root, signum: signal.Signals) -> None:
    """The same process goes on, no attempt is used, and it completes under the next daemon."""
    daemon, process, gate = running_film(root)
    job_id = root.wait_for("onward", RUNNING).job_id
    assert stop(daemon, signum) < 2
    assert is_alive(process)
    root.start()
    adopted = root.wait_for("onward", RUNNING)
    assert (adopted.job_id, adopted.attempt, adopted.workers) == (job_id, 1, 1)
    assert is_alive(process)
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 1


def test_shutdown_names_what_goes_on_and_leaves_no_socket(root: Root) -> None:
    """`framed stop` is SIGTERM by another way."""
    daemon = root.start()
    root.film("onward", "run 60")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    with connect(root.places) as client:
        assert client.call("shutdown", Shutdown(), ShutdownReply).running == ("onward",)
    assert daemon.wait(2) == 0
    assert is_alive(process)
    assert not root.places.control_socket.exists()


def test_adopted_slots_are_taken_before_anything_is_admitted(new_root: Callable[..., Root]) -> None:
    """The film that waited still waits after the restart."""
    root = new_root(QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    gate = root.places.root / "gate"
    root.film("a", f"wait {gate}")
    daemon = root.start()
    root.wait_for("a", RUNNING)
    root.film("b", "")
    root.wait_for("b", QUEUED)
    stop(daemon, signal.SIGKILL)
    root.start()
    assert root.wait_for("b", QUEUED).reason == "waiting for a place: 1 of 1 projects running"
    gate.touch()
    root.wait_for("b", COMPLETE)
    assert len(root.attempts("a")) == 1


@pytest.mark.parametrize(("words", "state"), [("", COMPLETE), ("exit 65", FAILED)])
def test_film_that_ends_while_nobody_looks_has_its_true_result(root: Root, words: str, state: ProjectState) -> None:
    """It is read from the exit record."""
    daemon, process, gate = running_film(root, words)
    stop(daemon, signal.SIGKILL)
    gate.touch()
    until(lambda: not is_alive(process), "the extractor has ended")
    root.start()
    assert root.wait_for("onward", COMPLETE, FAILED).state is state
    assert len(root.attempts("onward")) == 1


def test_extractor_killed_while_nobody_looks_is_tried_again(root: Root) -> None:
    """tmux remembers how it ended, and the attempt counts."""
    daemon, process, gate = running_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    gate.touch()
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 2


@pytest.fixture
def stranger() -> Iterator[ProcessIdentity]:
    """A process that has nothing to do with framed."""
    with subprocess.Popen(["sleep", "600"]) as process:
        identity = identify(process.pid)
        assert identity is not None
        yield identity
        process.kill()


def test_recycled_pid_is_neither_adopted_nor_signalled(root: Root, stranger: ProcessIdentity) -> None:
    """The record names a stranger, with another start time: it lives on, and the film is started again."""
    daemon, process, gate = running_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    _forge(root, pid=stranger.pid)
    root.start()
    gate.touch()
    root.wait_for("onward", COMPLETE)
    assert len(root.attempts("onward")) == 2
    assert is_alive(stranger)


def test_process_without_the_folders_lock_is_not_taken_for_an_extractor(root: Root, stranger: ProcessIdentity) -> None:
    """A forged record that names a living stranger down to its start time."""
    daemon, process, gate = running_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    _forge(root, pid=stranger.pid, started_at_ticks=stranger.started_at_ticks)
    root.start()
    gate.touch()
    root.wait_for("onward", COMPLETE)
    assert len(root.attempts("onward")) == 2
    assert is_alive(stranger)


def test_another_boot_means_started_again_and_not_counted(root: Root) -> None:
    """What ran before a reboot is lost, not failed."""
    daemon, process, gate = running_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    root.tmux("kill-server")
    _forge(root, boot_id="another-boot")
    _rewrite_jobs(root, process.boot_id, "another-boot")
    gate.touch()
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 1


def test_daemon_that_died_before_the_launch_starts_exactly_one_extractor(root: Root) -> None:
    """The attempt was written down, and its session never came to be."""
    daemon, process, gate = running_film(root)
    stop(daemon, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    root.tmux("kill-session", "-t", "=frame_extraction_onward:")
    root.layout("onward").started(1).unlink()
    gate.touch()
    root.start()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert [record.attempt for record in root.attempts("onward")] == [2]


def test_backoff_is_neither_forgotten_nor_begun_anew(new_root: Callable[..., Root]) -> None:
    """The wait goes on where it was."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 300, max_s: 300, jitter: 0"))
    daemon = root.start()
    root.film("onward", "crash")

    def seconds_left() -> int:
        return int(root.wait_for("onward", RETRYING).reason.split()[2])

    until(lambda: seconds_left() < 299, "a second and more of the wait is over")
    stop(daemon, signal.SIGKILL)
    root.start()
    assert 250 < seconds_left() < 299


def test_second_daemon_is_refused_and_the_first_goes_on(root: Root) -> None:
    """It names pid and root, and the socket stays the first one's."""
    first = root.start()
    second = root.launch()
    assert second.wait(10) == Exit.REFUSED
    line = root.log_of(1)
    assert f"pid {first.pid}" in line
    assert str(root.places.root) in line
    assert "Traceback" not in line
    assert root.statuses() == {}


def test_stale_socket_of_a_killed_daemon_is_replaced(root: Root) -> None:
    """And the new one is private."""
    stop(root.start(), signal.SIGKILL)
    assert root.places.control_socket.exists()
    root.start()
    assert stat.S_IMODE(root.places.control_socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(root.places.control_socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 8192, b""])
def test_damaged_store_is_set_aside_and_named(root: Root, content: bytes) -> None:
    """It is never overwritten, and the daemon does not start as if nothing had been, the second time neither."""
    stop(root.start())
    _damage(root, content)
    aside = root.places.store.with_name("framed.db.damaged-1")
    for number in (1, 2):
        assert root.launch().wait(10) == Exit.FAILED
        assert f"it is kept as {aside}" in root.log_of(number)
        assert "framed start --recover" in root.log_of(number)
        assert "Traceback" not in root.log_of(number)
    assert aside.read_bytes() == content
    assert not root.places.control_socket.exists()


def test_state_is_recovered_from_the_datasets(root: Root) -> None:
    """What runs is adopted, attempt numbers go on; what is complete, failed or cancelled is not begun again by itself;
    a retry is still to come; it is said what is lost.
    """
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("runs", f"crash 1 wait {gate}")
    root.film("failed", "exit 65")
    root.film("stopped", "run 60")
    root.film("series", name="e01.mkv")
    root.film("done")
    process = root.extractor("runs", attempt=2)
    root.extractor("stopped")
    root.cancel("stopped")
    for name, state in (("failed", FAILED), ("stopped", CANCELLED), ("done", COMPLETE), ("series", COMPLETE)):
        root.wait_for(name, state)
    job_id = root.wait_for("runs", RUNNING).job_id
    stop(daemon, signal.SIGKILL)
    _damage(root, b"\xff" * 10_000)
    root.film("series", name="e02.mkv")
    root.start("--recover")
    said = root.log_of(1)
    assert str(root.places.store.with_name("framed.db.damaged-1")) in said
    assert "of 5 projects something is told by the datasets: " in said
    assert "taken for cancelled; `framectl submit` goes on with them: stopped" in said
    assert "is lost: which projects were queued and had not begun" in said
    adopted = root.wait_for("runs", RUNNING)
    assert (adopted.job_id, adopted.attempt) == (job_id, 2)
    assert is_alive(process)
    # A film that comes now shows that framed has looked at all of them.
    until(lambda: (now := root.status("series")) and now.state is COMPLETE and now.frames == 2, "the new film is done")
    assert {name: len(root.attempts(name)) for name in ("failed", "stopped", "done", "series", "runs")} == {
        "failed": 1, "stopped": 1, "done": 1, "series": 2, "runs": 2,
    }  # fmt: skip
    for name, state in (("failed", FAILED), ("stopped", CANCELLED), ("done", COMPLETE)):
        assert root.wait_for(name, state).attempt == 1
    gate.touch()
    assert root.wait_for("runs", COMPLETE).job_id == job_id
    root.submit("stopped")
    root.extractor("stopped", attempt=2)


def test_what_ended_or_was_lost_before_the_recovery_goes_on(root: Root) -> None:
    """An exit that asks for another attempt, one that left no word, and one of an earlier boot."""
    gate = root.places.root / "gate"
    root.places.settings_file.write_text(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 600, max_s: 600"))
    daemon = root.start()
    root.film("retries", "exit 74 1")
    root.film("killed", f"wait {gate}")
    root.film("earlier", f"wait {gate}")
    killed, earlier = root.extractor("killed"), root.extractor("earlier")
    root.wait_for("retries", RETRYING)
    root.wait_for("earlier", RUNNING)
    stop(daemon, signal.SIGKILL)
    os.kill(killed.pid, signal.SIGKILL)
    os.kill(earlier.pid, signal.SIGKILL)
    _forge(root, project="earlier", boot_id="another-boot")
    _damage(root, b"")
    gate.touch()
    root.places.settings_file.write_text(QUICK)
    root.start("--recover")
    assert root.wait_for("retries", COMPLETE).attempt == 2
    assert root.wait_for("killed", COMPLETE).attempt == 2
    assert root.wait_for("earlier", COMPLETE).attempt == 1
    assert {len(root.attempts(name)) for name in ("retries", "killed", "earlier")} == {2}


def test_whole_store_is_not_recovered(root: Root) -> None:
    """Nor one whose datasets tell nothing, which may be away."""
    daemon = root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)
    stop(daemon)
    assert root.launch("--recover").wait(10) == Exit.REFUSED
    assert "is whole: nothing has to be recovered" in root.log_of(1)
    _damage(root, b"")
    away = root.places.datasets.rename(root.places.root / "away")
    assert root.launch("--recover").wait(10) == Exit.REFUSED
    assert "is its disk mounted?" in root.log_of(2)
    root.places.datasets.rmdir()
    away.rename(root.places.datasets)
    root.start("--recover")
    assert root.wait_for("onward", COMPLETE).attempt == 1


def test_job_of_another_version_is_one_clear_line(root: Root) -> None:
    """And stays in the store as it was."""
    stop(root.start())
    with sqlite3.connect(root.places.store) as db:
        db.execute("INSERT INTO jobs (job_order, id, project, is_over, document) VALUES (1, 'j', 'onward', 0, X'7B7D')")
    db.close()
    assert root.launch().wait(10) == Exit.REFUSED
    assert f"does not understand the state database {root.places.store}: job j: " in root.log_of(1)
    assert "Traceback" not in root.log_of(1)
    with sqlite3.connect(root.places.store) as db:
        assert db.execute("SELECT document FROM jobs").fetchall() == [(b"{}",)]
    db.close()


def test_acknowledged_submits_survive_a_kill(root: Root) -> None:
    """What was answered was on the disk."""
    root.places.settings_file.write_text(QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    root.film("first", "run 60")
    daemon = root.start()
    root.wait_for("first", RUNNING)
    acknowledged = []
    for number in range(10):
        name = f"film{number}"
        root.film(name, "run 60")
        outcome = root.submit(name, scene_threshold=25.0 + number).outcomes[0]
        assert outcome.outcome in (Submitted.QUEUED, Submitted.ALREADY_RUNNING)
        acknowledged.append((name, outcome.job_id))
    stop(daemon, signal.SIGKILL)
    root.start()
    after = root.statuses()
    assert [(name, after[name].job_id) for name, _ in acknowledged] == acknowledged


def test_cancelling_goes_on_after_a_restart(root: Root) -> None:
    """A daemon killed between the request and the extractor's end leaves the end to the next."""
    daemon = root.start()
    root.film("onward", "stubborn run 60")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    os.kill(process.pid, signal.SIGSTOP)
    client = connect(root.places)
    client._socket.sendall(wire.request(99, "cancel", Cancel(projects=("onward",), key="k")))
    until(lambda: (now := root.status("onward")) and now.reason == "being cancelled", "the request is durable")
    stop(daemon, signal.SIGKILL)
    client.close()
    root.start()
    root.wait_for("onward", CANCELLED)
    assert not is_alive(process)


def test_root_of_a_very_long_path_has_its_sockets_elsewhere(new_root: Callable[..., Root]) -> None:
    """Both sockets, found by every command all the same."""
    root = new_root(name="/".join(["a-folder-with-quite-a-long-name"] * 5))
    assert not root.places.control_socket.is_relative_to(root.places.root)
    root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)


def test_without_a_daemon_a_client_is_told_so(root: Root) -> None:
    """Nobody listens: one line, no hanging."""
    stop(root.start())
    with pytest.raises(Exception, match="not running") as failed:
        root.submit("onward")
    assert not isinstance(failed.value, CallFailed)


def _damage(root: Root, content: bytes) -> None:
    for file in root.places.state.glob("framed.db*"):
        file.unlink()
    root.places.store.write_bytes(content)


def _forge(root: Root, *, project: str = "onward", **changes: object) -> None:
    path = root.layout(project).started(1)
    record = msgspec.json.decode(path.read_bytes(), type=StartedRecord)
    forged = msgspec.structs.replace(record, process=msgspec.structs.replace(record.process, **changes))
    path.write_bytes(msgspec.json.encode(forged))


def _rewrite_jobs(root: Root, old: str, new: str) -> None:
    with sqlite3.connect(root.places.store) as db:
        for order, document in db.execute("SELECT job_order, document FROM jobs").fetchall():
            changed = document.replace(old.encode(), new.encode())
            db.execute("UPDATE jobs SET document = ? WHERE job_order = ?", (changed, order))
    db.close()
