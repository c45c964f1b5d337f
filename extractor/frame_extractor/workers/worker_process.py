"""One worker process and the pipe to it, seen from both ends: how it is given a task, parks, and ends.

Whom it is given what, and when it must park, pool.py says; what a task means, worker.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import cv2

from frame_extractor.errors import WorkerFault
from frame_extractor.reading.readers.fallback import LAST_READER
from frame_extractor.signals import leave_signals_to_parent
from frame_extractor.workers.tasks import Advanced, Message, Task
from frame_extractor.workers.worker import run_task
from frame_extractor.workers.worker_memory import IDLE_AFTER_S, WorkerMemory

CRASHES_TO_FALL_BACK = 2
"""A decoder that has ended so many workers with one task is not given it again."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Finished:
    """The task is done; no more messages of it come."""


@dataclass(frozen=True)
class Park:
    """To a worker: park at your next sign of life."""

    number: int


@dataclass(frozen=True)
class Continue:
    """To a worker: do not park, or no longer."""


@dataclass(frozen=True)
class Parked:
    """From a worker: it has, as it was told by the Hold of this number."""

    number: int


@dataclass(frozen=True)
class Assignment:
    """A task on its way through the pool."""

    number: int
    task: Task
    crashes: int = 0
    kills: int = 0

    def after_crash(self) -> Assignment:
        crashes = self.crashes + 1
        task = replace(self.task, first_reader=LAST_READER) if crashes >= CRASHES_TO_FALL_BACK else self.task
        return replace(self, task=task, crashes=crashes)

    def after_kill(self) -> Assignment:
        return replace(self, kills=self.kills + 1)


class Worker:
    """One process and the pipe to it."""

    def __init__(self, context: multiprocessing.context.SpawnContext) -> None:
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_run_worker, args=(theirs, os.getpid()), name="frame-worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self.assignment: Assignment | None = None
        self.began_at = 0.0
        """When it was given its assignment."""
        self.last_message_at = time.monotonic()
        self.has_hung = False
        self.is_park_requested = False
        """Told to park with its assignment, whether it has or not."""
        self.idle_since: float | None = self.last_message_at
        """Since when it has had nothing to do, or been parked; None while it is at work."""
        self._n_park_requests = 0

    @property
    def is_parked(self) -> bool:
        return self.assignment is not None and self.idle_since is not None

    def has_idled(self, seconds: float) -> bool:
        """Whether for so long, and ending it costs less than a film."""
        if self.idle_since is None or (self.assignment is not None and self.assignment.task.is_whole):
            return False
        return time.monotonic() - self.idle_since > seconds

    def begin(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.began_at = self.last_message_at = time.monotonic()
        self.idle_since = None
        self._send(assignment.task)

    def finish(self) -> None:
        """Its task is done; it waits for another."""
        self.assignment = None
        self.is_park_requested = False
        self.idle_since = time.monotonic()

    def request_park(self) -> None:
        self.is_park_requested = True
        self._n_park_requests += 1
        self._send(Park(self._n_park_requests))

    def request_continue(self) -> None:
        self.is_park_requested = False
        self.idle_since = None
        self.last_message_at = time.monotonic()
        self._send(Continue())

    def mark_parked(self, number: int) -> None:
        """It has said so; which counts only if it was not told otherwise since."""
        if self.is_park_requested and number == self._n_park_requests:
            self.idle_since = time.monotonic()

    def receive(self) -> Message | Finished | Parked | BaseException:
        message: Message | Finished | Parked | BaseException = self.connection.recv()
        self.last_message_at = time.monotonic()
        return message

    def _send(self, message: Task | Park | Continue) -> None:
        with contextlib.suppress(OSError):  # Already dead: the wait that follows finds out.
            self.connection.send(message)

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill_hung(self) -> None:
        self.has_hung = True
        self._process.kill()
        self._process.join()

    def end(self) -> int | None:
        """The process is gone; its exit code, negative for a signal."""
        # Before the pipe is closed: a worker that was about to speak would say goodbye with a traceback.
        self._process.kill()
        self.connection.close()
        self._process.join()
        return self._process.exitcode


def _run_worker(connection: Connection, parent_pid: int) -> None:
    """A worker's life: tasks until the pipe closes. Dies with its parent, however that dies."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        return
    memory = WorkerMemory()
    leave_signals_to_parent()
    cv2.setNumThreads(1)
    with contextlib.suppress(EOFError):
        while True:
            _run_task(_next_task(connection, memory), connection, memory)
            memory.return_free_if_large()


def _next_task(connection: Connection, memory: WorkerMemory) -> Task:
    """What comes next; what was said about a task that is done counts no more. Raises EOFError."""
    while True:
        message = _receive(connection, memory)
        if not isinstance(message, Park | Continue):
            return message


def _run_task(task: Task, connection: Connection, memory: WorkerMemory) -> None:
    try:
        for message in run_task(task):
            connection.send(message)
            if isinstance(message, Advanced):
                _park_if_requested(connection, memory)
        connection.send(Finished())
    except EOFError:
        raise
    except OSError as failure:
        connection.send(failure)
    except Exception:  # noqa: BLE001 - it is raised again, in the parent
        connection.send(WorkerFault(traceback.format_exc()))


def _park_if_requested(connection: Connection, memory: WorkerMemory) -> None:
    """Returns when the last that was said is to go on, or nothing. Raises EOFError."""
    latest: Task | Park | Continue | None = None
    while connection.poll():
        latest = connection.recv()
    while isinstance(latest, Park):
        connection.send(Parked(latest.number))
        latest = _receive(connection, memory)


def _receive(connection: Connection, memory: WorkerMemory) -> Task | Park | Continue:
    """The next message; while it does not come, memory that is free goes back. Raises EOFError."""
    if not connection.poll(IDLE_AFTER_S):
        memory.return_free()
    message: Task | Park | Continue = connection.recv()
    return message
