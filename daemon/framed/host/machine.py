"""What the machine is busy with, measured in the background so that `status` never waits for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import psutil

from framed.control.messages import MachineStatus
from framed.host.memory import read_memory
from framed.threads import in_own_thread

_INTERVAL_S: Final = 2.0


class Machine:
    """`status` and `memory` are the last measurements."""

    def __init__(self, output: Path) -> None:
        """`output`: whose disk's free space is told."""
        self._output = output
        self.memory = read_memory()
        self.status = self._measure(self._free_bytes())

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await anyio.sleep(_INTERVAL_S)
            self.memory = await in_own_thread(read_memory)
            self.status = self._measure(await in_own_thread(self._free_bytes))

    def _free_bytes(self) -> int | None:
        """None when the disk cannot be asked. Blocking."""
        try:
            return shutil.disk_usage(self._output).free
        except OSError:
            return None

    def _measure(self, free_bytes: int | None) -> MachineStatus:
        memory = self.memory
        # Always in the same thread: psutil measures since the last time that this thread asked.
        cores_percent = tuple(psutil.cpu_percent(interval=None, percpu=True))
        return MachineStatus(
            cpu_percent=sum(cores_percent) / len(cores_percent) if cores_percent else 0.0,
            cores_percent=cores_percent,
            cores=psutil.cpu_count() or 1,
            memory_used_bytes=memory.total_bytes - memory.available_bytes,
            memory_total_bytes=memory.total_bytes,
            output_free_bytes=free_bytes,
        )
