"""Worker processes: tasks out, messages back, and what to do when a worker dies or hangs.

Knows nothing of what tasks mean except how to hand one to PyAV when decord has killed two workers with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

import cv2

from frame_extractor.errors import WorkerFault, WorkersKilled
from frame_extractor.readers.fallback import LAST_READER
from frame_extractor.signals import held, leave_endings_to_parent
from frame_extractor.tasks import Message, Task
from frame_extractor.worker import run_task

AHEAD = 2
"""Tasks held ready beside the ones being worked on, so that no worker waits for the feeder."""
SILENCE_S = 180.0
"""A worker that says nothing for this long hangs. The slowest chunk seen took a tenth of it."""
CRASHES = frozenset({-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL, -signal.SIGTRAP})
"""How a decoder that meets a bad film ends its process. Any other death is somebody else's doing."""
CRASHES_TO_FALL_BACK = 2
CRASHES_TO_GIVE_UP = 3
KILLS_TO_GIVE_UP = 4
"""Of one task, whose film is not to blame for them."""
PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER = 1 << 30
"""Bytes; more than any picture."""


@dataclass(frozen=True)
class Finished:
    """The task is done; no more messages of it come."""


@dataclass(frozen=True)
class Restarted:
    """Its worker died; the task begins again, and what came of it so far is void."""


@dataclass(frozen=True)
class GivenUp:
    """Its decoding crashed or hung every worker it was given to."""

    reason: str


Event = Message | Finished | Restarted | GivenUp


class WorkerPool:
    """Processes that do one task each at a time. A context manager: none of them outlives it, or this process."""

    def __init__(self, n_workers: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self.n_workers = n_workers
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        # Would otherwise be started with the first worker, and unblock in passing the signals that held() has blocked.
        resource_tracker.ensure_running()
        try:
            with held():
                self._workers.extend(_Worker(self._context) for _ in range(self.n_workers))
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end(at_once=kind is not None)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Event]]:
        """(number of the task in `tasks`, what happened to it), as it happens. Takes tasks only as they are needed.

        Raises what a worker could not handle: OSError as it was, anything else as WorkerFault; WorkersKilled when they
        do not live long enough.
        """
        waiting = deque[_Assignment]()
        source = enumerate(tasks)
        is_exhausted = False
        while True:
            while len(waiting) < AHEAD and not is_exhausted:
                number_and_task = next(source, None)
                if number_and_task is None:
                    is_exhausted = True
                else:
                    waiting.append(_Assignment(*number_and_task))
                self._assign(waiting)
            self._assign(waiting)
            busy = [worker for worker in self._workers if worker.assignment is not None]
            if not busy:
                return
            for worker in self._ready(busy):
                yield from self._hear(worker, waiting)

    def _assign(self, waiting: deque[_Assignment]) -> None:
        for worker in self._workers:
            if waiting and worker.assignment is None:
                worker.begin(waiting.popleft())

    def _ready(self, busy: list[_Worker]) -> list[_Worker]:
        """The busy workers with something to say; those silent for too long have been killed, and are among them."""
        heard = wait([worker.connection for worker in busy], timeout=1.0)
        now = time.monotonic()
        for worker in busy:
            if worker.connection not in heard and now - worker.heard_at > SILENCE_S:
                worker.kill_hung()
        return [worker for worker in busy if worker.connection in heard or not worker.is_alive()]

    def _hear(self, worker: _Worker, waiting: deque[_Assignment]) -> Iterator[tuple[int, Event]]:
        assignment = worker.assignment
        assert assignment is not None
        try:
            message = worker.receive()
        except (EOFError, OSError):
            yield from self._bury(worker, assignment, waiting)
            return
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Finished):
            worker.assignment = None
            self._assign(waiting)
        yield assignment.number, message

    def _bury(
        self, worker: _Worker, assignment: _Assignment, waiting: deque[_Assignment]
    ) -> Iterator[tuple[int, Event]]:
        exit_code = worker.end(at_once=True)
        with held():
            self._workers[self._workers.index(worker)] = _Worker(self._context)
        is_films_fault = worker.has_hung or exit_code in CRASHES
        again = assignment.after_crash() if is_films_fault else assignment.after_kill()
        if again.kills >= KILLS_TO_GIVE_UP:
            raise WorkersKilled(exit_code)
        if again.crashes >= CRASHES_TO_GIVE_UP:
            yield assignment.number, GivenUp(f"its decoder crashed or hung {again.crashes} times (last {exit_code})")
        else:
            waiting.appendleft(again)
            yield assignment.number, Restarted()


@dataclass(frozen=True)
class _Assignment:
    """A task on its way through the pool."""

    number: int
    task: Task
    crashes: int = 0
    kills: int = 0

    def after_crash(self) -> _Assignment:
        crashes = self.crashes + 1
        task = replace(self.task, first_reader=LAST_READER) if crashes >= CRASHES_TO_FALL_BACK else self.task
        return replace(self, task=task, crashes=crashes)

    def after_kill(self) -> _Assignment:
        return replace(self, kills=self.kills + 1)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, context: multiprocessing.context.SpawnContext) -> None:
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, os.getpid()), name="frame-worker", daemon=True)
        self._process.start()
        theirs.close()
        self.assignment: _Assignment | None = None
        self.heard_at = time.monotonic()
        self.has_hung = False

    def begin(self, assignment: _Assignment) -> None:
        self.assignment = assignment
        self.heard_at = time.monotonic()
        with contextlib.suppress(OSError):  # Already dead: the wait that follows finds out.
            self.connection.send(assignment.task)

    def receive(self) -> Message | Finished | BaseException:
        message: Message | Finished | BaseException = self.connection.recv()
        self.heard_at = time.monotonic()
        return message

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill_hung(self) -> None:
        self.has_hung = True
        self._process.kill()
        self._process.join()

    def end(self, *, at_once: bool) -> int | None:
        """The process is gone; its exit code, negative for a signal."""
        if at_once:
            # Before the pipe is closed: a worker that was about to speak would say goodbye with a traceback.
            self._process.kill()
        self.connection.close()
        self._process.join()
        return self._process.exitcode


def _work(connection: Connection, parent_pid: int) -> None:
    """A worker's life: tasks until the pipe closes. Dies with its parent, however that dies."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        return
    # A picture is megabytes: by default each is mapped, zeroed page by page and unmapped, half of all system time.
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, NEVER)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)
    leave_endings_to_parent()
    cv2.setNumThreads(1)
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        try:
            for message in run_task(task):
                connection.send(message)
            connection.send(Finished())
        except OSError as failure:
            connection.send(failure)
        except Exception:  # noqa: BLE001 - it is raised again, in the parent
            connection.send(WorkerFault(traceback.format_exc()))
