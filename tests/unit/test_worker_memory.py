"""What a worker has freed: kept while it works, returned when it is much or the worker has nothing to do."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading

import pytest

from frame_extractor.workers import worker_process
from frame_extractor.workers.worker_memory import KEPT_BYTES, RETURNED_EVERY_CPU_S, WorkerMemory
from frame_extractor.workers.worker_process import Continue, Park, _receive
from tests.harness.until import until

MB = 1 << 20
# In a process of its own: how the C library is set cannot be set back. The last picture is held, as one always is.
FREE_SOME = """
import sys, time
import numpy as np
from frame_extractor.workers import worker_memory
memory = worker_memory.WorkerMemory()
memory._returned_at_cpu_s = time.process_time() - float(sys.argv[2])
pictures = [np.ones(6 << 20, dtype=np.uint8) for _ in range(int(sys.argv[1]) // (6 << 20))]
pictures = pictures[-1:]
before = worker_memory.resident_bytes()
getattr(memory, sys.argv[3])()
print(before, worker_memory.resident_bytes())
"""
LARGE, SMALL = KEPT_BYTES + 100 * MB, KEPT_BYTES - 200 * MB
LONG_AGO_S, LATELY_S = RETURNED_EVERY_CPU_S + 1, 0.0


@pytest.mark.parametrize(
    ("freed_bytes", "returned_s_ago", "act", "is_returned"),
    [
        (SMALL, LONG_AGO_S, "return_free_if_large", False),
        (LARGE, LATELY_S, "return_free_if_large", False),
        (LARGE, LONG_AGO_S, "return_free_if_large", True),
        (SMALL, LATELY_S, "return_free", True),
    ],
)
def test_free_memory_is_kept_until_it_is_much_and_was_not_returned_lately(
    freed_bytes: int, returned_s_ago: float, act: str, *, is_returned: bool
) -> None:
    command = [sys.executable, "-c", FREE_SOME, str(freed_bytes), str(returned_s_ago), act]
    before, after = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert before > freed_bytes
    assert after < 200 * MB if is_returned else after == pytest.approx(before, abs=20 * MB)


class CountedMemory(WorkerMemory):
    """Counts what is asked of it, and leaves the process of the tests as it is."""

    def __init__(self) -> None:
        self.n_returned = 0

    def return_free(self) -> None:
        self.n_returned += 1


def test_a_worker_that_waits_returns_memory_once_and_one_with_work_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a task, or parked."""
    monkeypatch.setattr(worker_process, "IDLE_AFTER_S", 0.02)
    ours, theirs = multiprocessing.Pipe()
    memory = CountedMemory()
    ours.send(Park(1))
    assert _receive(theirs, memory) == Park(1)
    assert memory.n_returned == 0
    received: list[object] = []
    waiting = threading.Thread(target=lambda: received.append(_receive(theirs, memory)))
    waiting.start()
    until(lambda: memory.n_returned)
    ours.send(Continue())
    waiting.join()
    assert (received, memory.n_returned) == ([Continue()], 1)
