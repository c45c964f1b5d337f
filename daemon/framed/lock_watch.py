"""Ends a daemon that no longer holds its root alone: its lock file was removed or replaced, with the state folder.

Its extractors continue, each in its tmux session. From that moment on it starts nothing and ends nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio

from framed.errors import LockLost
from framed.instance_lock import RootLock

POLL_S: Final = 0.5


class LockWatch:
    """One daemon's; `run` it, and `confirm` before anything that would disturb another daemon."""

    def __init__(self, lock: RootLock, root: Path) -> None:
        self._lock = lock
        self._root = root

    async def run(self) -> None:
        """Until the lock is lost. Raises LockLost then."""
        while True:
            if self._lock.is_lost():
                raise LockLost(self._lock.path, self._root)
            await anyio.sleep(POLL_S)

    async def confirm(self) -> None:
        """Returns while the lock is held. Once it is lost never: `run` is about to end everything."""
        if self._lock.is_lost():
            await anyio.sleep_forever()
