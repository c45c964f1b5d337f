"""Somebody removes the state folder of a daemon that runs, and starts another daemon."""

from __future__ import annotations

import functools
import shutil
import signal
from pathlib import Path

import pytest

from frame_extractor.contract.process import is_alive
from framed.ctl.client import connect
from framed.errors import Exit
from framed.protocol.messages import Cancel, CancelReply, ProjectState
from tests.harness.held_film import drop, hold
from tests.harness.root import Root
from tests.harness.until import DEADLINE_S, until

COMPLETE, FAILED, RUNNING, RETRYING = (
    ProjectState.COMPLETE,
    ProjectState.FAILED,
    ProjectState.RUNNING,
    ProjectState.RETRYING,
)


def taken_away(root: Root) -> None:
    shutil.rmtree(root.places.state)


def test_daemon_whose_lock_is_gone_ends_and_the_next_leaves_its_films_alone(root: Root, film: Path) -> None:
    """The first says why it ends. Of its two films one is cancelled under the second daemon, which ends nothing; the
    other goes on to its end in the same process, is waited for, and is complete with what that process has made.
    """
    first = root.start(real=True)
    for project in ("luca", "onward"):
        drop(root, project, film)
    held = hold(root, "luca", "onward")
    taken_away(root)
    second = root.start(real=True)
    assert first.wait(DEADLINE_S) == Exit.FAILED
    assert f"framed: the lock file {root.places.lock_file} was removed or replaced" in root.log_of(0)
    for project in ("luca", "onward"):
        root.wait_for(project, RETRYING)
        # Between two attempts the reason is for a moment what the next one waits for.
        until(functools.partial(_waits_for_another_daemons, root, project), f"{project} says why")
    root.cancel("luca")
    assert all(is_alive(each.process) for each in held)
    assert second.poll() is None
    assert root.answers()
    for each in held:
        each.go_on()
    done = root.wait_for("onward", COMPLETE, FAILED)
    assert done.state is COMPLETE
    assert done.frames == len(list(root.layout("onward").frames_dir.iterdir())) > 0
    assert root.attempts("onward")[0].process == held[1].process


def test_daemon_that_has_lost_its_lock_ends_nothing(root: Root, tmp_path: Path) -> None:
    """Though somebody who is connected asks for it in that very moment: it is stopped until both has happened."""
    gate = tmp_path / "gate"
    daemon = root.start()
    root.film("onward", f"wait {gate}")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    with connect(root.places) as connection:
        daemon.send_signal(signal.SIGSTOP)
        taken_away(root)
        request = Cancel(projects=("onward",), key="in that moment")
        with pytest.raises(Exception, match="did not answer"):
            connection.call("cancel", request, CancelReply, patience_s=0.5)
        daemon.send_signal(signal.SIGCONT)
        assert daemon.wait(DEADLINE_S) == Exit.FAILED
    assert is_alive(process)
    gate.touch()
    until(lambda: not is_alive(process), "it has ended by itself")


def _waits_for_another_daemons(root: Root, project: str) -> bool:
    return "an extractor of another daemon is at work" in root.statuses()[project].reason
