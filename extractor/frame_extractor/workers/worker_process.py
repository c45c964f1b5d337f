"""One worker process and the pipe to it, from both ends: how it gets a task, parks, and ends.

pool.py decides which task it gets and when it must park; what a task means is in worker.py.
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
"""After this many crashes a task goes to the last reader at once."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Finished:
    """The task is done; no more messages of it come."""


@dataclass(frozen=True)
class Park:
    """To a worker: park at your next Advanced message."""

    number: int


@dataclass(frozen=True)
class Continue:
    """To a worker: do not park, or no longer."""


@dataclass(frozen=True)
class Parked:
    """From a worker: it has parked, as the Park of this number asked."""

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
        """Asked to park with its assignment, whether it has yet or not."""
        self.idle_since: float | None = self.last_message_at
        """Since when it has had nothing to do, or been parked; None while it is at work."""
        self._n_park_requests = 0

    @property
    def is_parked(self) -> bool:
        return self.assignment is not None and self.idle_since is not None

    def has_idled(self, seconds: float) -> bool:
        """Whether it has been idle or parked for longer, and ending it does not cost the work of a film read whole."""
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
        """It has reported so; that counts only for the latest request."""
        if self.is_park_requested and number == self._n_park_requests:
            self.idle_since = time.monotonic()

    def receive(self) -> Message | Finished | Parked | BaseException:
        message: Message | Finished | Parked | BaseException = self.connection.recv()
        self.last_message_at = time.monotonic()
        return message

    def _send(self, message: Task | Park | Continue) -> None:
        with contextlib.suppress(OSError):  # It has ended: the next wait() finds out.
            self.connection.send(message)

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill_hung(self) -> None:
        self.has_hung = True
        self._process.kill()
        self._process.join()

    def end(self) -> int | None:
        """The process is gone; its exit code, negative for a signal."""
        # Before the pipe is closed: a worker that was about to send would end with a traceback.
        self._process.kill()
        self.connection.close()
        self._process.join()
        return self._process.exitcode


def _run_worker(connection: Connection, parent_pid: int) -> None:
    """The main function of a worker: tasks until the pipe closes. It ends with its parent, however that ends."""
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
    """The next task; requests about a task that is done are ignored. Raises EOFError."""
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
    """Returns when the latest request is to continue, or there is none. Raises EOFError."""
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
