"""A whole archive is dropped in at once."""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable

import psutil

from framed.protocol.messages import ProjectState
from tests.harness import cost
from tests.harness.root import QUICK, Root
from tests.harness.until import until

N_PROJECTS = 1000
ONE_AT_A_TIME = QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1")


def cpu_s(daemon: psutil.Process) -> float:
    """What the daemon and this process have used."""
    used = daemon.cpu_times()
    return time.process_time() + used.user + used.system


def test_thousand_queued_projects_cost_little_and_slow_no_status_down(new_root: Callable[..., Root]) -> None:
    """Bounded memory and descriptors, and status within 0.3 s: of the processors' time, which does not grow when others
    want it too, of daemon and client together; the daemon has other things to do meanwhile.
    """
    root = new_root(ONE_AT_A_TIME)
    root.film("a", "wait /nowhere")
    daemon = psutil.Process(root.start().pid)
    root.wait_for("a", ProjectState.RUNNING)
    memory_bytes, n_descriptors = daemon.memory_info().rss, daemon.num_fds()
    for number in range(N_PROJECTS):
        root.film(f"film{number}")

    # To ask for status until all are there would cost more than what is tested.
    with sqlite3.connect(root.places.store) as db:
        until(lambda: db.execute("SELECT count(*) FROM jobs").fetchone() == (N_PROJECTS + 1,), "all are submitted", 240)
    db.close()
    states = [each.state for each in root.reply().projects]
    assert states.count(ProjectState.QUEUED) == N_PROJECTS
    assert cost.is_within(0.3, root.reply, functools.partial(cpu_s, daemon))
    assert daemon.memory_info().rss - memory_bytes < 100_000_000
    assert daemon.num_fds() - n_descriptors < 16
