"""Worker processes: tasks out, messages back, as many at work as are granted, and what to do when one dies.

A worker above the grant parks: it stops at its next message, at the latest after its chunk, and keeps its state. This
module does not know what tasks mean; what happens in a process and on its pipe is in worker_process.py.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

from frame_extractor.errors import WorkersKilled
from frame_extractor.signals import signals_held
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.tasks import Message, Task
from frame_extractor.workers.worker_process import Assignment, Finished, Parked, Worker

__all__ = ["Finished", "GivenUp", "Restarted", "WorkerPool"]

N_QUEUED_AHEAD = 2
"""Tasks held ready beside the ones being worked on, so that no worker waits for the feeder."""
HANG_TIMEOUT_S = 180.0
"""A worker that sends nothing for this long hangs. The slowest chunk seen took a tenth of it."""
READ_GRANT_EVERY_S = 0.5
"""How often the grant is read while no worker sends anything."""
MAX_PARKED_S = 60.0
"""How long a parked worker keeps its memory; then it is ended, and its task is done again."""
CRASHES = frozenset({-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL, -signal.SIGTRAP})
"""How a decoder that crashes on a bad film ends its process. Any other end has another cause."""
CRASHES_TO_GIVE_UP = 3
KILLS_TO_GIVE_UP = 4
"""Of one task, whose film is not to blame for them."""


@dataclass(frozen=True)
class Restarted:
    """Its worker is gone; the task starts again, and its messages so far do not count."""


@dataclass(frozen=True)
class GivenUp:
    """Every worker that had the task crashed or hung."""

    reason: str


Event = Message | Finished | Restarted | GivenUp


class WorkerPool:
    """Processes that do one task each at a time. A context manager: none of them outlives it, or this process."""

    def __init__(self, grant: WorkerGrant, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called at least every READ_GRANT_EVERY_S while tasks run; what it raises ends them."""
        self._check = check
        self._context = multiprocessing.get_context("spawn")
        self._grant = grant
        self._workers: list[Worker] = []
        self._begun_at = 0.0
        self.waited_s = 0.0
        """How long workers had nothing to do, all in all, before there was another task."""

    def __enter__(self) -> Self:
        # Would otherwise be started with the first worker, and unblock the signals that signals_held() has blocked.
        resource_tracker.ensure_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_workers(self._workers)

    def warm_up(self) -> None:
        """As many as are granted are being started, so that they are ready for the first tasks."""
        while len(self._workers) < self._grant.granted.at_work:
            self._start_worker()

    @property
    def n_workers(self) -> int:
        """How many there may be, pauses aside; at least 1."""
        return max(1, self._grant.granted.workers)

    def run(self, tasks: Iterable[Task]) -> Generator[tuple[int, Event]]:
        """(number of the task in `tasks`, what happened to it), as it happens. Takes tasks only as they are needed.

        Waits while nothing is granted. Raises what a worker could not handle: OSError as it was,
        anything else as WorkerFault; WorkersKilled when they are killed repeatedly. A caller that does not iterate to
        the end must close it: workers that are still busy then are ended.
        """
        try:
            yield from self._run(tasks)
        finally:
            self._end_workers([worker for worker in self._workers if worker.assignment is not None])

    def _run(self, tasks: Iterable[Task]) -> Generator[tuple[int, Event]]:
        self._begun_at = time.monotonic()
        queue = deque[Assignment]()
        source = enumerate(tasks)
        is_exhausted = False
        while True:
            self._check()
            yield from self._apply_grant(queue)
            while len(queue) < N_QUEUED_AHEAD and not is_exhausted:
                number_and_task = next(source, None)
                if number_and_task is None:
                    is_exhausted = True
                else:
                    queue.append(Assignment(*number_and_task))
                self._assign(queue)
            self._assign(queue)
            busy = [worker for worker in self._workers if worker.assignment is not None]
            if not busy and not queue:
                return
            for worker in self._ready(busy):
                yield from self._receive(worker, queue)

    def _apply_grant(self, queue: deque[Assignment]) -> Iterator[tuple[int, Event]]:
        """Workers above the grant are asked to park, those within it to continue; those parked for long are ended."""
        granted = self._grant.granted.at_work
        running = [worker for worker in self._workers if worker.assignment is not None and not worker.is_park_requested]
        # Those that began last lose least when they are ended while parked. A running thread cannot be taken away.
        running.sort(key=lambda worker: worker.began_at)
        for worker in running[granted:]:
            worker.request_park()
        # First those that have not parked yet, which take no further core; then the one that would be ended next.
        parking = [worker for worker in self._workers if worker.is_park_requested]
        parking.sort(key=lambda worker: worker.idle_since or 0.0)
        for worker in parking[: max(0, granted - len(running))]:
            worker.request_continue()
        self._update_usage()
        expired = [worker for worker in self._workers if worker.has_idled(MAX_PARKED_S)]
        for worker in expired[: max(0, len(self._workers) - granted)]:
            self._end_workers([worker])
            if worker.assignment is not None:
                queue.appendleft(worker.assignment)
                yield worker.assignment.number, Restarted()

    def _assign(self, queue: deque[Assignment]) -> None:
        while queue and self._update_usage() < self._grant.granted.at_work:
            idle = (worker for worker in self._workers if worker.assignment is None)
            worker = next(idle, None) or self._start_worker()
            self.waited_s += time.monotonic() - max(self._begun_at, worker.idle_since or 0.0)
            worker.begin(queue.popleft())
        self._update_usage()

    def _end_workers(self, workers: Iterable[Worker]) -> None:
        # Not interrupted by a signal: a worker that is no longer in the list would never be ended.
        with signals_held():
            for worker in list(workers):
                worker.end()
                self._workers.remove(worker)
        self._update_usage()

    def _start_worker(self) -> Worker:
        with signals_held():
            worker = Worker(self._context)
            self._workers.append(worker)
        return worker

    def _update_usage(self) -> int:
        """Cores in use; the grant holds the number now."""
        at_work = [worker.assignment.task for worker in self._workers if worker.assignment and not worker.is_parked]
        self._grant.is_elastic = not any(task.is_whole for task in at_work)
        self._grant.at_work = sum(task.threads for task in at_work)
        return self._grant.at_work

    def _ready(self, busy: list[Worker]) -> list[Worker]:
        """The busy workers with a message; those silent for too long have been killed, and are among them."""
        readable = wait([worker.connection for worker in busy], timeout=READ_GRANT_EVERY_S)
        now = time.monotonic()
        for worker in busy:
            if (
                worker.connection not in readable
                and not worker.is_parked
                and now - worker.last_message_at > HANG_TIMEOUT_S
            ):
                worker.kill_hung()
        return [worker for worker in busy if worker.connection in readable or not worker.is_alive()]

    def _receive(self, worker: Worker, queue: deque[Assignment]) -> Iterator[tuple[int, Event]]:
        assignment = worker.assignment
        assert assignment is not None
        try:
            message = worker.receive()
        except (EOFError, OSError):
            yield from self._reap(worker, assignment, queue)
            return
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Parked):
            worker.mark_parked(message.number)
            self._update_usage()
            return
        if isinstance(message, Finished):
            worker.finish()
            self._assign(queue)
        yield assignment.number, message

    def _reap(self, worker: Worker, assignment: Assignment, queue: deque[Assignment]) -> Iterator[tuple[int, Event]]:
        exit_code = worker.end()
        self._workers.remove(worker)
        is_films_fault = worker.has_hung or exit_code in CRASHES
        retried = assignment.after_crash() if is_films_fault else assignment.after_kill()
        if retried.kills >= KILLS_TO_GIVE_UP:
            raise WorkersKilled(exit_code)
        if retried.crashes >= CRASHES_TO_GIVE_UP:
            yield assignment.number, GivenUp(f"its decoder crashed or hung {retried.crashes} times (last {exit_code})")
        else:
            queue.appendleft(retried)
            yield assignment.number, Restarted()
