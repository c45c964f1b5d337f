"""Load, memory and disk space, measured in the background so that `status` never waits for them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import psutil

from framed.host.disks import Disks
from framed.host.memory import read_memory
from framed.protocol.messages import MachineStatus
from framed.threads import in_own_thread

_INTERVAL_S: Final = 2.0


class Machine:
    """`status` and `memory` are the last measurements."""

    def __init__(self, output: Path) -> None:
        """`output`: the folder on whose disk free space is measured."""
        self.disks = Disks(str(output))
        self.memory = read_memory()
        self.status = self._measure()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Measures until cancelled; started when the disks have been measured, or do not answer."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.disks.run)
            self.status = self._measure()
            task_status.started()
            while True:
                await anyio.sleep(_INTERVAL_S)
                # Where /proc cannot be read, as without a free file descriptor, the last measurement holds.
                with contextlib.suppress(OSError):
                    self.memory = await in_own_thread(read_memory)
                    self.status = self._measure()

    def _measure(self) -> MachineStatus:
        memory = self.memory
        room = self.disks.free_space_on(self.disks.home)
        # Always in the same thread: psutil measures since the last time that this thread asked.
        cores_percent = tuple(psutil.cpu_percent(interval=None, percpu=True))
        return MachineStatus(
            cpu_percent=sum(cores_percent) / len(cores_percent) if cores_percent else 0.0,
            cores_percent=cores_percent,
            cores=psutil.cpu_count() or 1,
            memory_used_bytes=memory.total_bytes - memory.available_bytes,
            memory_total_bytes=memory.total_bytes,
            output_free_bytes=room.free_bytes if room is not None else None,
        )
