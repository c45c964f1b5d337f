"""Free space where images are written, measured in the background, so that a disk that hangs delays nothing else."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from framed.threads import in_own_thread
from framed.wakeup import Wakeup

INTERVAL_S: Final = 2.0
_PATIENCE_S: Final = 1.0
"""How long a disk is waited for; a later answer still counts."""
_NEW_S: Final = 3.0
"""How long a folder's first answer is waited for."""
_MOST_UNKNOWN: Final = 8
"""How many folders whose disk is not known are measured at once: the disk may hang,"""
_MOST_SILENT: Final = 64
"""and then this many threads hang at most."""


@dataclass(frozen=True)
class FreeSpace:
    """What one disk has."""

    disk: int
    """Its device number."""
    free_bytes: int
    """Free for this user."""
    total_bytes: int


class Disks:
    """Free space on the disks of some folders, as of their last answers."""

    def __init__(self, home: str) -> None:
        """`home`: a folder that is always measured."""
        self.home = home
        self._folders: dict[str, float] = {home: time.monotonic()}
        """Folder -> monotonic time since which it is watched."""
        self._device_of: dict[str, int] = {}
        """By folder."""
        self._rooms: dict[int, FreeSpace] = {}
        """By device."""
        self._asked: dict[str, float] = {}
        """Folders whose disk has not answered yet, with the monotonic time when it was asked."""
        self._failed: set[str] = set()
        """Folders whose disk cannot be measured."""
        self._all_have_answered = anyio.Event()
        self._n_rounds = 0
        self._wakeup = Wakeup()

    def watch(self, folders: Iterable[str]) -> None:
        """Watches these folders from now on; new ones are measured at once. They need not exist yet."""
        now_s, before = time.monotonic(), self._folders
        self._folders = {folder: before.get(folder, now_s) for folder in (self.home, *folders)}
        if self._folders.keys() - before.keys():
            self._wakeup.set()

    def is_pending(self, folder: str) -> bool:
        """Whether the first measurement of the folder's disk is still to come. False again when the disk hangs."""
        is_new = time.monotonic() - self._folders.get(folder, 0.0) < _NEW_S
        return is_new and folder not in self._device_of and folder not in self._failed

    def free_space_on(self, folder: str) -> FreeSpace | None:
        """What the folder's disk has; None while it is not known.

        A new one below `home`, not asked for yet, is taken to lie on home's disk: a film may begin the moment it comes.
        """
        is_at_home = folder.startswith(f"{self.home}{os.sep}")
        unasked = self._device_of.get(self.home, -1) if is_at_home else -1
        return self._rooms.get(self._device_of.get(folder, unasked))

    def unresponsive_s(self, folder: str) -> float:
        """How long the folder's disk has not answered; 0 when it has."""
        device = self._device_of.get(folder)
        same = (self._asked[each] for each in self._asked if each == folder or self._device_of.get(each, -1) == device)
        asked_s = min(same, default=None)
        return time.monotonic() - asked_s if asked_s is not None else 0.0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Measures until cancelled; started when every disk has answered once, or hangs."""
        async with anyio.create_task_group() as tasks:
            await self._ask(tasks)
            task_status.started()
            while True:
                await self._wakeup.wait(INTERVAL_S)
                await self._ask(tasks)

    async def _ask(self, tasks: anyio.abc.TaskGroup) -> None:
        self._all_have_answered = anyio.Event()
        for folder in self._to_ask():
            self._asked[folder] = time.monotonic()
            tasks.start_soon(self._measure, folder)
        with anyio.move_on_after(_PATIENCE_S):
            await self._all_have_answered.wait()
            if self._folders.keys() - self._device_of.keys() - self._failed:
                # There were too many to measure all at once.
                self._wakeup.set()

    def _to_ask(self) -> list[str]:
        """One folder for each disk, a different one each time, and some whose disk is not known."""
        self._device_of = {folder: device for folder, device in self._device_of.items() if folder in self._folders}
        self._failed &= self._folders.keys()
        self._n_rounds += 1
        on_each: defaultdict[int, list[str]] = defaultdict(list)
        for folder, device in sorted(self._device_of.items()):
            on_each[device].append(folder)
        # A mount or unmount may put a folder on another disk, so all of them are measured in turn.
        known = [
            folders[self._n_rounds % len(folders)]
            for folders in on_each.values()
            if not any(folder in self._asked for folder in folders)
        ]
        unknown = [folder for folder in self._folders if folder not in self._device_of and folder not in self._asked]
        unknown.sort(key=self._is_failed)
        silent_s = [
            time.monotonic() - asked_s for folder, asked_s in self._asked.items() if folder not in self._device_of
        ]
        n_more = min(_MOST_UNKNOWN - sum(each < _PATIENCE_S for each in silent_s), _MOST_SILENT - len(silent_s))
        return [*known, *unknown[: max(0, n_more)]]

    def _is_failed(self, folder: str) -> bool:
        return folder in self._failed

    async def _measure(self, folder: str) -> None:
        try:
            room = await in_own_thread(_measured, folder)
        except OSError:
            self._device_of.pop(folder, None)
            self._failed.add(folder)
        else:
            self._failed.discard(folder)
            self._device_of[folder] = room.disk
            self._rooms[room.disk] = room
        finally:
            del self._asked[folder]
            if not self._asked:
                self._all_have_answered.set()


def _measured(folder: str) -> FreeSpace:
    """The free space on the disk of the folder, which need not exist yet. Blocking. Raises OSError."""
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    stat = os.statvfs(folder)
    return FreeSpace(os.stat(folder).st_dev, stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize)
