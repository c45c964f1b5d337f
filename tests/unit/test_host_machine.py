"""What the machine is busy with, where it cannot be measured just then."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from framed.host import machine
from framed.host.memory import Memory


def test_machine_that_cannot_be_measured_costs_nothing_but_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a free file descriptor /proc cannot be read: the daemon goes on, and measures again."""
    measured = machine.Machine(tmp_path)
    newest = Memory(total_bytes=2, available_bytes=1)
    answers: Iterator[Memory | OSError] = iter((OSError(errno.EMFILE, "Too many open files"), newest))

    def read_memory() -> Memory:
        answer = next(answers, newest)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(machine, "read_memory", read_memory)
    monkeypatch.setattr(machine, "_INTERVAL_S", 0.01)

    async def until_measured_again() -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(measured.run)
            with anyio.fail_after(30):
                while measured.status.memory_total_bytes != newest.total_bytes:  # noqa: ASYNC110 -- it tells nobody
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    anyio.run(until_measured_again)
