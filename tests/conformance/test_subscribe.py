"""`subscribe` as docs/protocol.md has it, compared with a real daemon by a client of the standard library alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from framed.control.feed import MAX_REMEMBERED_REMOVALS
from tests.conformance.protocol_client import SCHEMA, Client, misfit
from tests.harness.root import MANUAL, Root, roots, stop
from tests.harness.until import until

MARGIN_BYTES = 16 << 20
"""What the daemon may have more of for other reasons."""


class Subscriber(Client):
    """A connection on which events arrive."""

    def __init__(self, root: Root, **params: Any) -> None:
        super().__init__(root)
        self.reply = self.call("subscribe", **params)

    def event(self) -> dict[str, Any]:
        """The next one, which is as the schema says."""
        line = self._lines.readline()
        assert line, "the daemon hung up"
        message = json.loads(line)
        assert misfit(message, SCHEMA["event"], "event") == ""
        event: dict[str, Any] = message["params"]
        return event

    def until(self, is_it: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The events up to the first that is the one."""
        events = [self.event()]
        while not is_it(events[-1]):
            events.append(self.event())
        return events


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("subscribe")):
        made: Root = make(MANUAL)
        made.start()
        yield made


def states(event: dict[str, Any]) -> dict[str, str]:
    return {project["name"]: project["state"] for project in event["projects"]}


def test_a_project_is_sent_as_it_changes(root: Root) -> None:
    """First everything, then what changes, in order, to the end; and only of those that were asked for."""
    root.film("onward")
    root.film("orion")
    until(lambda: {"onward", "orion"} <= root.statuses().keys(), "both are known")
    subscriber = Subscriber(root, projects=["onward"])
    first = subscriber.event()
    assert first["full"]
    assert states(first).keys() == {"onward"}
    root.submit("onward")
    events = subscriber.until(lambda event: states(event).get("onward") == "COMPLETE")
    assert not any(event["full"] or "orion" in states(event) for event in events)
    numbers = [first["seq"], *(event["seq"] for event in events)]
    assert numbers == sorted(set(numbers))
    subscriber.close()


def test_a_broken_connection_is_resumed_where_it_was(root: Root) -> None:
    """What happened meanwhile is sent, what did not change is not; of another instance everything is."""
    root.film("ever")
    until(lambda: "ever" in root.statuses(), "it is known")
    before = Subscriber(root)
    seq = before.event()["seq"]
    before.close()
    root.film("later")
    until(lambda: "later" in root.statuses(), "the other is known")
    after = Subscriber(root, instance=before.reply["instance"], since=seq)
    assert after.reply["resumed"]
    event = after.event()
    assert not event["full"]
    assert "later" in states(event)
    other = Subscriber(root, instance="another", since=seq)
    assert not other.reply["resumed"]
    assert other.event()["full"]
    after.close()
    other.close()


def test_more_removals_than_are_remembered_are_sent_as_a_full_event(root: Root) -> None:
    """Whoever resumes from before them, or has not read since, forgets what is not among the projects of `full`."""
    names = [f"gone-{number:04}" for number in range(MAX_REMEMBERED_REMOVALS + 1)]
    root.film("stays")
    for name in names:
        root.places.films_dir(name).mkdir()
    until(lambda: root.statuses().keys() >= {*names, "stays"}, "all are known")
    before, staying = Subscriber(root), Subscriber(root)
    seq = before.event()["seq"]
    assert states(staying.event()).keys() >= set(names)
    before.close()
    for name in names:
        root.places.films_dir(name).rmdir()
    until(lambda: not root.statuses().keys() & set(names), "all are gone")
    after = Subscriber(root, instance=before.reply["instance"], since=seq)
    assert not after.reply["resumed"]
    event = after.event()
    assert event["full"]
    assert "stays" in states(event)
    assert not states(event).keys() & set(names)
    known = set(names)
    while known:
        message = staying.event()
        known = known & states(message).keys() if message["full"] else known - set(message["removed"])
    after.close()
    staying.close()


def test_one_that_speaks_after_subscribing_is_hung_up_on(root: Root) -> None:
    """The connection is for events only."""
    subscriber = Subscriber(root)
    subscriber.socket.sendall(b"{}\n")
    with contextlib.suppress(ConnectionResetError):
        while subscriber._lines.readline():
            pass
    subscriber.close()


def test_one_that_never_reads_costs_no_memory_and_reads_that_it_lagged(root: Root) -> None:
    """Others are served meanwhile; when it reads at last it gets the newest state, and how many it has missed."""
    names = [f"crowd-{number:02}-{'x' * 150}" for number in range(60)]
    for name in names:
        root.film(name, "exit 0")
    until(lambda: root.statuses().keys() >= set(names), "all are known")
    daemon = psutil.Process(json.loads(root.places.lock_file.read_text(encoding="utf-8"))["pid"])
    steering = Client(root)
    steering.call("drain", key="crowd-drain")
    sleepers = [Subscriber(root) for _ in range(4)]
    reader = Subscriber(root)
    newest = reader.event()["seq"]
    begun_bytes = daemon.memory_info().rss
    for turn in range(12):
        for name in names:
            (root.places.films_dir(name) / f"film-{turn}.mp4").write_text(f"exit 0\n{name} {turn}")
        newest = reader.until(lambda event: sum(name in states(event) for name in names) > 30)[-1]["seq"]
    steering.call("undrain", key="crowd-undrain")
    assert daemon.memory_info().rss - begun_bytes < MARGIN_BYTES
    for sleeper in sleepers:
        events = sleeper.until(lambda event: event["seq"] > newest)
        assert sum(event["lagged"] for event in events) > 0
        sleeper.close()
    reader.close()
    steering.close()


def test_a_restart_is_noticed_by_the_instance(new_root: Callable[..., Root]) -> None:
    """The subscriber is hung up on; the new daemon is another instance, and resumes nothing of the old."""
    root = new_root()
    daemon = root.start()
    before = Subscriber(root)
    seq = before.event()["seq"]
    stop(daemon)
    while before._lines.readline():
        pass
    root.start()
    after = Subscriber(root, instance=before.reply["instance"], since=seq)
    assert after.reply["instance"] != before.reply["instance"]
    assert not after.reply["resumed"]
    assert after.event()["full"]
    before.close()
    after.close()
