"""What outlives the daemon, and what the next one makes of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Callable

import pytest

from frame_extractor.contract.process import is_alive
from framed.ctl.client import CallFailed, connect
from framed.errors import Exit
from framed.protocol import wire
from framed.protocol.messages import Cancel, ProjectState, Shutdown, ShutdownReply
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import DEADLINE_S, until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
RUNNING, QUEUED, RETRYING = ProjectState.RUNNING, ProjectState.QUEUED, ProjectState.RETRYING


def test_shutdown_names_what_goes_on_and_leaves_no_socket(root: Root) -> None:
    """`framed stop` is SIGTERM by another way."""
    daemon = root.start()
    root.film("onward", "run 600")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    with connect(root.places) as client:
        assert client.call("shutdown", Shutdown(), ShutdownReply).running == ("onward",)
    assert daemon.wait(DEADLINE_S) == 0
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
    root.wait_for("b", QUEUED, reason="waiting for a place: 1 of 1 projects running")
    gate.touch()
    root.wait_for("b", COMPLETE)
    assert len(root.attempts("a")) == 1


def test_second_daemon_is_refused_and_the_first_goes_on(root: Root) -> None:
    """It names pid and root, and the socket stays the first one's."""
    first = root.start()
    second = root.launch()
    assert second.wait(DEADLINE_S) == Exit.REFUSED
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


def test_job_of_another_version_is_one_clear_line(root: Root) -> None:
    """And stays in the store as it was."""
    stop(root.start())
    with sqlite3.connect(root.places.store) as db:
        db.execute("INSERT INTO jobs (job_order, id, project, is_over, document) VALUES (1, 'j', 'onward', 0, X'7B7D')")
    db.close()
    assert root.launch().wait(DEADLINE_S) == Exit.REFUSED
    assert f"cannot read the state database {root.places.store}: job j: " in root.log_of(1)
    assert "Traceback" not in root.log_of(1)
    with sqlite3.connect(root.places.store) as db:
        assert db.execute("SELECT document FROM jobs").fetchall() == [(b"{}",)]
    db.close()


def test_cancelling_goes_on_after_a_restart(root: Root) -> None:
    """A daemon killed between the request and the extractor's end leaves the end to the next."""
    daemon = root.start()
    root.film("onward", "stubborn run 600")
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
