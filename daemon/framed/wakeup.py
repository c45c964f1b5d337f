"""Something that many may ring and one waits for."""

from __future__ import annotations

import anyio


class Wakeup:
    """Rings between two waits are one ring, and none is lost."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float | None = None) -> None:
        """Returns when it was rung since the last wait, or when the time is up."""
        with anyio.move_on_after(timeout_s):
            await self._event.wait()
        self._event = anyio.Event()
