"""Telling one process from another, and ending exactly the one that is meant."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec
import pytest

from frame_extractor.contract.process import ProcessIdentity, identify, is_alive
from framed.host.liveness import is_locked, kill_tree, terminate, until_gone
from tests.harness.processes import session_members
from tests.harness.until import until


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session, with a child that ignores SIGTERM."""
    program = "trap '' TERM; sleep 600 & wait"
    process = subprocess.Popen(["sh", "-c", program], start_new_session=True)
    yield process
    for member in session_members(process.pid):
        os.kill(member, signal.SIGKILL)
    process.kill()
    process.wait(10)


def identity_of(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    identity = identify(process.pid)
    assert identity is not None
    return identity


@pytest.mark.parametrize("changes", [{"started_at_ticks": 1}, {"boot_id": "another"}, {"pid": 2**22 + 1}, {"pid": 0}])
def test_same_pid_is_not_the_same_process(changes: dict[str, object]) -> None:
    """It is neither alive nor ever signalled."""
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    other = msgspec.structs.replace(me, **changes)
    assert not is_alive(other)
    assert not terminate(other)
    kill_tree(other)


def test_dead_child_nobody_has_fetched_is_dead(leader: subprocess.Popen[bytes]) -> None:
    identity = identity_of(leader)
    leader.kill()
    until(lambda: not is_alive(identity), "it is a zombie")
    assert leader.returncode is None


def test_tree_dies_with_children_that_ignore_sigterm(leader: subprocess.Popen[bytes]) -> None:
    identity = identity_of(leader)
    members = until(lambda: _members(leader.pid), "the child runs")
    assert terminate(identity)
    kill_tree(identity)
    until(lambda: not any(is_alive(member) for member in [identity, *members]), "all are gone")


def test_end_of_a_process_is_noticed_when_it_comes() -> None:
    """And at once for one that has already gone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = identity_of(process)

        async def scenario() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(until_gone, identity)
                await anyio.wait_all_tasks_blocked()
                process.kill()
            await until_gone(identity)

        anyio.run(scenario)


def test_lock_is_seen_without_being_taken(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_locked(lock)
    with lock.open("w") as file:
        assert not is_locked(lock)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_locked(lock)


def _members(leader: int) -> list[ProcessIdentity]:
    return [identity for pid in session_members(leader) if (identity := identify(pid)) is not None]
