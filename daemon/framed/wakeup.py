"""A wake-up that many may set and one waits for."""

from __future__ import annotations

import anyio


class Wakeup:
    """Several calls of `set` between two waits count as one; none is lost."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float | None = None) -> None:
        """Returns when it was set since the last wait, or after the timeout."""
        with anyio.move_on_after(timeout_s):
            await self._event.wait()
        self._event = anyio.Event()
