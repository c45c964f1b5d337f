"""Many films that are there at the first start: scanned first, then queued in order, and each once."""

from __future__ import annotations

import os
import re
import sqlite3
import uuid
from collections.abc import Callable

import pytest

from framed.ctl.client import connect
from framed.protocol.messages import Drain, DrainReply, ProjectState
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

QUEUED = ProjectState.QUEUED
DRAINED = QUICK.replace("settle_scans: 2", "settle_scans: 2, ORDER").replace("settle_s: 0.1", "settle_s: SETTLE")


def drain(root: Root) -> None:
    """Nothing is started by the next daemon either, so that the queue can be read."""
    process = root.start()
    with connect(root.places) as daemon:
        daemon.call("drain", Drain(key=uuid.uuid4().hex), DrainReply)
    stop(process)


def queue(root: Root) -> list[str]:
    """The projects with a job, in the order in which they start."""
    with sqlite3.connect(root.places.store) as database:
        rows = database.execute("SELECT project FROM jobs ORDER BY job_order").fetchall()
    return [project for (project,) in rows]


@pytest.mark.parametrize(
    ("order", "expected"), [("name", ["a", "b", "c"]), ("newest", ["b", "c", "a"]), ("smallest", ["c", "a", "b"])]
)
def test_projects_found_together_are_queued_in_order(
    new_root: Callable[..., Root], order: str, expected: list[str]
) -> None:
    """Of their films that are to be extracted: what is ignored does not count. A film that hangs holds up nobody."""
    root = new_root(DRAINED.replace("ORDER", f"order: {order}").replace("SETTLE", "0.3"))
    drain(root)
    for project, size, changed_at_s in (("a", 200, 1000), ("b", 300, 1010), ("c", 100, 1005)):
        film = root.film(project, f"length 60 {'x' * size}")
        os.utime(film, (changed_at_s, changed_at_s))
    sample = root.film("a", "x" * 1000, name="sample.mkv")
    os.utime(sample, (2000, 2000))
    root.film("aa", "unopenable")
    root.start()
    until(lambda: len(queue(root)) == len(expected), "all are queued")
    assert queue(root) == expected


def test_backlog_is_scanned_and_queued_by_name_each_film_once(new_root: Callable[..., Root]) -> None:
    """Five hundred films in a hundred projects; how far it is, is shown meanwhile; a film cannot be opened."""
    root = new_root(DRAINED.replace("ORDER", "order: name").replace("SETTLE", "1.5"))
    drain(root)
    names = [f"p{number:03}" for number in range(100)]
    for name in names:
        for episode in range(5):
            root.film(name, name=f"e{episode}.mkv")
    root.film("p050", "unopenable", name="e9.mkv")
    root.start()
    notice = until(lambda: next((each for each in root.notices() if "reading the films" in each), None), "it is shown")
    assert re.fullmatch(r"reading the films in raw_videos: \d+ of 501; then they are queued", notice)
    until(lambda: len(queue(root)) == len(names), "all are queued", 60)
    assert queue(root) == names
    draining = "draining: running jobs are finished and no others are started; to start them: framectl undrain"
    assert root.notices() == (draining,)
    assert {each.state for each in root.statuses().values()} == {QUEUED}
