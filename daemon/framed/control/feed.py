"""What subscribers are told: the newest state, numbered. One look serves all; none is made when nobody listens.

There is no queue: a subscriber remembers the number of the state it was told last, and is told what changed since then.
So one that reads slowly, or not at all, costs no memory, and what it reads at last is the newest.
"""

from __future__ import annotations

import os
from typing import Final

import anyio
import anyio.abc

from framed.control.bounded_disk import BoundedDisk
from framed.control.status_reporter import StatusReporter
from framed.protocol.messages import ProjectStatus, StatusReply
from framed.protocol.subscription import Event, Subscribe, SubscribeReply
from framed.state.ledger import Ledger
from framed.wakeup import Wakeup

INTERVAL_S: Final = 0.5
"""Between two looks at most, while anybody is subscribed: progress changes without a word."""
_SHORTEST_S: Final = 0.05
"""Between two looks at least, however fast jobs change."""
MAX_REMEMBERED_REMOVALS: Final = 1000


class Feed:
    """The newest state, and at which number each project came to be as it is."""

    def __init__(self, *, ledger: Ledger, report: StatusReporter, disk: BoundedDisk) -> None:
        self._report = report
        self._disk = disk
        self._instance = os.urandom(8).hex()
        self._seq = 0
        self._newest: StatusReply | None = None
        self._projects: dict[str, tuple[int, ProjectStatus]] = {}
        self._removed: dict[str, int] = {}
        self._forgotten_seq = 0
        """Of the last removal that is not remembered; who has read no further than that needs everything anew."""
        self._n_subscribers = 0
        self._bell = Wakeup()
        self._changed = anyio.Event()
        ledger.listen(self._bell.set)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self._bell.wait(INTERVAL_S if self._n_subscribers else None)
            if self._n_subscribers:
                self._look()
                await anyio.sleep(_SHORTEST_S)

    async def subscribe(self, params: Subscribe) -> tuple[SubscribeReply, Subscription]:
        """Raises NoSuchProject."""
        await self._disk.known(params.projects)
        self._look()
        since = params.since if params.instance == self._instance else None
        resumed = since is not None and self._forgotten_seq <= since <= self._seq
        reply = SubscribeReply(instance=self._instance, resumed=resumed)
        return reply, Subscription(self, params.projects, since if resumed else None)

    def joined(self) -> None:
        self._n_subscribers += 1
        self._bell.set()

    def left(self) -> None:
        self._n_subscribers -= 1

    async def after(self, seq: int | None) -> None:
        """Returns when there is a newer state than that one."""
        while seq is not None and seq >= self._seq:
            await self._changed.wait()

    def event(self, told_seq: int | None, projects: tuple[str, ...], *, lagged: int) -> Event:
        """What is otherwise than at that number, or everything."""
        assert self._newest is not None
        if told_seq is not None and told_seq < self._forgotten_seq:
            told_seq = None

        def is_news(name: str, seq: int) -> bool:
            return (not projects or name in projects) and (told_seq is None or seq > told_seq)

        return Event(
            seq=self._seq,
            lagged=lagged,
            full=told_seq is None,
            machine=self._newest.machine,
            slots=self._newest.slots,
            draining=self._newest.draining,
            notices=self._newest.notices,
            projects=tuple(status for name, (seq, status) in sorted(self._projects.items()) if is_news(name, seq)),
            removed=tuple(name for name, seq in self._removed.items() if told_seq is not None and is_news(name, seq)),
        )

    @property
    def seq(self) -> int:
        return self._seq

    def _look(self) -> None:
        """Numbers the state anew when it is not as it was."""
        newest = self._report.status(sorted(self._report.project_names()))
        if newest == self._newest:
            return
        self._newest = newest
        self._seq += 1
        statuses = {status.name: status for status in newest.projects}
        for name in self._projects.keys() - statuses:
            del self._projects[name]
            self._removed[name] = self._seq
        for name, status in statuses.items():
            self._removed.pop(name, None)
            if name not in self._projects or self._projects[name][1] != status:
                self._projects[name] = (self._seq, status)
        while len(self._removed) > MAX_REMEMBERED_REMOVALS:
            self._forgotten_seq = self._removed.pop(next(iter(self._removed)))
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


class Subscription:
    """One subscriber's place in the feed. A context manager, within which `next` is called by one task."""

    def __init__(self, feed: Feed, projects: tuple[str, ...], told_seq: int | None) -> None:
        self._feed = feed
        self._projects = projects
        self._told_seq = told_seq
        self._has_begun = False

    def __enter__(self) -> Subscription:
        self._feed.joined()
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.left()

    async def next(self) -> Event:
        """The newest state, once there is one that was not told."""
        await self._feed.after(self._told_seq)
        skipped = self._feed.seq - self._told_seq - 1 if self._has_begun and self._told_seq is not None else 0
        event = self._feed.event(self._told_seq, self._projects, lagged=skipped)
        self._has_begun, self._told_seq = True, event.seq
        return event
