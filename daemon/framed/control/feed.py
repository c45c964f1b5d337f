"""The newest state, numbered, for subscribers. It is computed once for all of them, and only while there are any.

There is no queue: a subscriber remembers the number of the state that it was sent last, and is sent what changed since.
So a slow subscriber costs no memory, and what it reads is always the newest state.
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
"""Between two updates at most, while there are subscribers: nothing signals that progress has changed."""
_SHORTEST_S: Final = 0.05
"""Between two updates at least, however fast jobs change."""
MAX_REMEMBERED_REMOVALS: Final = 1000


class Feed:
    """The newest state, and the number at which each project changed last."""

    def __init__(self, *, ledger: Ledger, status_reporter: StatusReporter, disk: BoundedDisk) -> None:
        self._status_reporter = status_reporter
        self._disk = disk
        self._instance = os.urandom(8).hex()
        self._seq = 0
        self._newest: StatusReply | None = None
        self._projects: dict[str, tuple[int, ProjectStatus]] = {}
        self._removed: dict[str, int] = {}
        self._forgotten_seq = 0
        """The number of the last removal that is no longer remembered; older subscribers are sent everything again."""
        self._n_subscribers = 0
        self._wakeup = Wakeup()
        self._changed = anyio.Event()
        ledger.listen(self._wakeup.set)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self._wakeup.wait(INTERVAL_S if self._n_subscribers else None)
            if self._n_subscribers:
                self._update()
                await anyio.sleep(_SHORTEST_S)

    async def subscribe(self, params: Subscribe) -> tuple[SubscribeReply, Subscription]:
        """Raises NoSuchProject."""
        await self._disk.known(params.projects)
        self._update()
        since = params.since if params.instance == self._instance else None
        resumed = since is not None and self._forgotten_seq <= since <= self._seq
        reply = SubscribeReply(instance=self._instance, resumed=resumed)
        return reply, Subscription(self, params.projects, since if resumed else None)

    def joined(self) -> None:
        self._n_subscribers += 1
        self._wakeup.set()

    def left(self) -> None:
        self._n_subscribers -= 1

    async def after(self, seq: int | None) -> None:
        """Returns when there is a newer state than that one."""
        while seq is not None and seq >= self._seq:
            await self._changed.wait()

    def event(self, sent_seq: int | None, projects: tuple[str, ...], *, lagged: int) -> Event:
        """What has changed since that number, or everything."""
        assert self._newest is not None
        if sent_seq is not None and sent_seq < self._forgotten_seq:
            sent_seq = None

        def is_news(name: str, seq: int) -> bool:
            return (not projects or name in projects) and (sent_seq is None or seq > sent_seq)

        return Event(
            seq=self._seq,
            lagged=lagged,
            full=sent_seq is None,
            machine=self._newest.machine,
            slots=self._newest.slots,
            draining=self._newest.draining,
            notices=self._newest.notices,
            projects=tuple(status for name, (seq, status) in sorted(self._projects.items()) if is_news(name, seq)),
            removed=tuple(name for name, seq in self._removed.items() if sent_seq is not None and is_news(name, seq)),
        )

    @property
    def seq(self) -> int:
        return self._seq

    def _update(self) -> None:
        """Increments the number if the state has changed."""
        newest = self._status_reporter.status()
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

    def __init__(self, feed: Feed, projects: tuple[str, ...], sent_seq: int | None) -> None:
        self._feed = feed
        self._projects = projects
        self._sent_seq = sent_seq
        self._has_begun = False

    def __enter__(self) -> Subscription:
        self._feed.joined()
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.left()

    async def next(self) -> Event:
        """The newest state, once there is one that was not sent."""
        await self._feed.after(self._sent_seq)
        skipped = self._feed.seq - self._sent_seq - 1 if self._has_begun and self._sent_seq is not None else 0
        event = self._feed.event(self._sent_seq, self._projects, lagged=skipped)
        self._has_begun, self._sent_seq = True, event.seq
        return event
