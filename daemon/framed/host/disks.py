"""How much room there is where images are written, measured in the background: a disk that hangs holds up nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from framed.threads import in_own_thread

INTERVAL_S: Final = 2.0
_PATIENCE_S: Final = 1.0
"""A disk that has not answered for so long is waited for no longer; its answer is taken when it comes."""


@dataclass(frozen=True)
class Room:
    """What one disk has."""

    disk: int
    """Which one it is: its device number."""
    free_bytes: int
    """For this user."""
    total_bytes: int


class Disks:
    """What the disks of some folders had when they last answered."""

    def __init__(self, home: str) -> None:
        """`home`: a folder that is always among them."""
        self.home = home
        self._folders = frozenset({home})
        self._device_of: dict[str, int] = {}
        """By folder."""
        self._rooms: dict[int, Room] = {}
        """By device."""
        self._asked: dict[str, float] = {}
        """Folders whose disk has not answered yet, with the monotonic time when it was asked."""
        self._all_have_answered = anyio.Event()

    def watch(self, folders: Iterable[str]) -> None:
        """From the next measurement on it is these, and no others. They need not exist yet."""
        self._folders = frozenset({self.home, *folders})

    def room_on(self, folder: str) -> Room | None:
        """What the folder's disk has; None while nobody knows.

        A new one below `home`, not asked for yet, is taken to lie on home's disk: a film may begin the moment it comes.
        """
        is_at_home = folder.startswith(f"{self.home}{os.sep}")
        unasked = self._device_of.get(self.home, -1) if is_at_home else -1
        return self._rooms.get(self._device_of.get(folder, unasked))

    def silent_s(self, folder: str) -> float:
        """For how long the folder's disk has not answered; 0 when it has."""
        return time.monotonic() - self._asked[folder] if folder in self._asked else 0.0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Measures again and again; started when every disk was asked once, and those that do not hang answered."""
        async with anyio.create_task_group() as tasks:
            await self._ask(tasks)
            task_status.started()
            while True:
                await anyio.sleep(INTERVAL_S)
                await self._ask(tasks)

    async def _ask(self, tasks: anyio.abc.TaskGroup) -> None:
        self._all_have_answered = anyio.Event()
        for folder in self._to_ask():
            self._asked[folder] = time.monotonic()
            tasks.start_soon(self._measure, folder)
        with anyio.move_on_after(_PATIENCE_S):
            await self._all_have_answered.wait()

    def _to_ask(self) -> list[str]:
        """One folder for each disk, and those of which it is not known on which one they lie."""
        self._device_of = {folder: device for folder, device in self._device_of.items() if folder in self._folders}
        one_of_each = {device: folder for folder, device in sorted(self._device_of.items(), reverse=True)}
        unknown = self._folders - self._device_of.keys()
        return [folder for folder in (*one_of_each.values(), *sorted(unknown)) if folder not in self._asked]

    async def _measure(self, folder: str) -> None:
        try:
            room = await in_own_thread(_measured, folder)
        except OSError:
            self._device_of.pop(folder, None)
        else:
            self._device_of[folder] = room.disk
            self._rooms[room.disk] = room
        finally:
            del self._asked[folder]
            if not self._asked:
                self._all_have_answered.set()


def _measured(folder: str) -> Room:
    """Of the disk that the folder lies on, or will when it is made. Blocking. Raises OSError."""
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    stat = os.statvfs(folder)
    return Room(os.stat(folder).st_dev, stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize)
