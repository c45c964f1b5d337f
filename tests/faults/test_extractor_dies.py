"""An extractor is killed, fails for ever, or will not end: it costs its own film, and nobody else's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from frame_extractor.contract.process import is_alive
from framed.engines.local_process import GRACE_S
from framed.protocol.messages import ProjectState
from tests.harness.held_film import drop, hold
from tests.harness.processes import session_members
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
RUNNING = ProjectState.RUNNING


def test_killed_extractor_is_tried_again_and_only_it(root: Root, film: Path) -> None:
    """As when memory is short: the attempt counts, its worker goes with it, and the other film's process stays."""
    root.start(real=True)
    for project in ("luca", "onward"):
        drop(root, project, film)
    luca, onward = hold(root, "luca", "onward")
    os.kill(luca.process.pid, signal.SIGKILL)
    luca.go_on()
    until(lambda: not is_alive(luca.worker), "the worker has followed its extractor")
    assert root.wait_for("luca", COMPLETE).attempt == 2
    assert is_alive(onward.process)
    onward.go_on()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert [record.attempt for record in root.attempts("onward")] == [1]


def test_film_that_always_fails_is_given_up_and_others_go_on(new_root: Callable[..., Root]) -> None:
    """`retry: 2` means three attempts, each a backoff after the one before; status says what the last one died of."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 0.3, factor: 2, jitter: 0"))
    root.places.projects.mkdir(parents=True)
    root.places.project_file("bad").write_text("frame_extraction: {retry: 2}\n", encoding="utf-8")
    root.start()
    root.film("bad", "crash")
    root.film("good", "run 0.2")
    status = root.wait_for("bad", FAILED)
    assert (status.attempt, status.max_attempts, status.reason) == (3, 3, "exit 137 (killed)")
    begun = [datetime.fromisoformat(record.started_at) for record in root.attempts("bad")]
    waited_s = [(after - before).total_seconds() for before, after in pairwise(begun)]
    assert len(waited_s) == 2
    assert waited_s[0] > 0.3
    assert waited_s[1] > 0.6
    assert root.wait_for("good", COMPLETE).attempt == 1


def test_stubborn_extractor_is_gone_with_its_grandchildren_after_the_grace_time(root: Root) -> None:
    """It ignores SIGTERM, and so do its child and its grandchild; its session goes as well."""
    root.start()
    root.film("onward", "stubborn child wait /nowhere")
    process = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    tree = until(lambda: len(found := session_members(process.pid)) == 2 and found, "child and grandchild run")
    (outcome,) = root.cancel("onward").outcomes
    assert outcome.cancelled
    until(
        lambda: not is_alive(process) and not session_members(process.pid),
        f"{process} and {tree} are gone",
        # A busy machine may double it, no more.
        deadline_s=2 * GRACE_S,
    )
    assert root.wait_for("onward", CANCELLED).reason == "on request"
    until(lambda: not root.sessions(), "the session is gone")
