"""The slots: how many worker processes there may be, shared out by weight, first come first served.

anyio's CapacityLimiter cannot give one borrower several tokens; this pool can, all or nothing, and a wide request at
the head of the line is never overtaken by narrow ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio


@dataclass(frozen=True)
class SlotStatistics:
    total: int
    used: int
    """More than `total` only after adopting what ran under a larger budget."""
    waiting: int
    """Requests in the line."""


class Lease:
    """Slots held until they are given back. Give back as often as you like; it happens once."""

    def __init__(self, n_slots: int, give_back: Callable[[int], None]) -> None:
        self.n_slots = n_slots
        self._give_back = give_back

    def release(self) -> None:
        """The slots are free, and whoever fits now has them."""
        n_slots, self.n_slots = self.n_slots, 0
        self._give_back(n_slots)


class _Waiter:
    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self.granted = anyio.Event()


class SlotPool:
    """`total` slots. Not for use from several threads."""

    def __init__(self, total: int) -> None:
        if total < 1:
            raise ValueError(f"a pool needs at least one slot, not {total}")
        self._total = total
        self._used = 0
        self._line: deque[_Waiter] = deque()

    def statistics(self) -> SlotStatistics:
        """A snapshot."""
        return SlotStatistics(total=self._total, used=self._used, waiting=len(self._line))

    async def acquire(self, n_slots: int) -> Lease:
        """Waits in line until `n_slots` are free together, and holds them. ValueError when there are not that many."""
        if not 1 <= n_slots <= self._total:
            raise ValueError(f"{n_slots} slots of {self._total} cannot be had")
        waiter = _Waiter(n_slots)
        self._line.append(waiter)
        self._serve()
        try:
            await waiter.granted.wait()
        except BaseException:
            if waiter.granted.is_set():
                self._give_back(n_slots)
            else:
                self._line.remove(waiter)
                self._serve()
            raise
        return Lease(n_slots, self._give_back)

    def adopt(self, n_slots: int) -> Lease:
        """Holds `n_slots` at once, past the line and the total: their workers are running already."""
        self._used += n_slots
        return Lease(n_slots, self._give_back)

    def _give_back(self, n_slots: int) -> None:
        self._used -= n_slots
        self._serve()

    def _serve(self) -> None:
        while self._line and self._used + self._line[0].n_slots <= self._total:
            waiter = self._line.popleft()
            self._used += waiter.n_slots
            waiter.granted.set()
