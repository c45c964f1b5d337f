"""The wall clock jumps: nothing that waits is hurried, and nothing is held back."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from framed.protocol.messages import ProjectState
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

COMPLETE, RETRYING = ProjectState.COMPLETE, ProjectState.RETRYING

DAY_S = 86_400


def seconds_left(root: Root) -> int:
    return int(root.wait_for("onward", RETRYING).reason.split()[2])


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
def test_jump_of_the_wall_clock_makes_no_retry_early_or_late(new_root: Callable[..., Root], jump_s: int) -> None:
    """One day ahead or back, and two days the other way, while the daemon runs and while it is away. The jump is that
    of the daemon's own reading: the clock of the machine is not a test's to set.
    """
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 3, factor: 100, max_s: 300, jitter: 0"))
    wall_clock = root.places.root / "wall-clock-ahead-s"
    daemon = root.start()
    root.film("onward", "crash")
    root.wait_for("onward", RETRYING)
    wall_clock.write_text(str(jump_s), encoding="ascii")
    root.extractor("onward", attempt=2)
    until(lambda: seconds_left(root) > 3, "the second backoff has begun")
    assert 200 < seconds_left(root) <= 300
    wall_clock.write_text(str(-jump_s), encoding="ascii")
    root.film("other")
    root.wait_for("other", COMPLETE)
    assert 200 < seconds_left(root) <= 300
    stop(daemon, signal.SIGKILL)
    wall_clock.write_text(str(jump_s), encoding="ascii")
    root.start()
    root.film("another")
    root.wait_for("another", COMPLETE)
    assert 200 < seconds_left(root) <= 300
    assert len(root.attempts("onward")) == 2


def test_backoff_is_neither_forgotten_nor_begun_again_by_a_restart(new_root: Callable[..., Root]) -> None:
    """The wait goes on where it was."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 300, max_s: 300, jitter: 0"))
    daemon = root.start()
    root.film("onward", "crash")
    until(lambda: seconds_left(root) < 299, "a second and more of the wait is over")
    stop(daemon, signal.SIGKILL)
    root.start()
    assert 200 < seconds_left(root) < 299
