"""The pool of slots. A slot is the right to one worker process; who gets how many is decided by `policy.schedule`.

anyio's CapacityLimiter cannot give one borrower several tokens, nor take some of them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SlotStatistics:
    total: int
    used: int
    """More than `total` only after the budget was reduced, also while no daemon ran."""


class SlotsTaken(Exception):
    """More slots were requested than are free: a fault in framed."""

    def __init__(self, n_slots: int, free: int) -> None:
        super().__init__(f"{n_slots} slots requested, {free} free")


class Lease:
    """Slots held until they are given back."""

    def __init__(self, n_slots: int, take: Callable[[int], None]) -> None:
        self.n_slots = n_slots
        self._take = take

    def grow(self, n_slots: int) -> None:
        """Holds `n_slots`, at least as many as before. Raises SlotsTaken when too few are free."""
        assert n_slots >= self.n_slots
        self._take(n_slots - self.n_slots)
        self.n_slots = n_slots

    def shrink(self, n_slots: int) -> None:
        """Holds `n_slots`, at most as many as before; the others are free."""
        assert 0 <= n_slots <= self.n_slots
        self._take(n_slots - self.n_slots)
        self.n_slots = n_slots

    def release(self) -> None:
        """All are free. May be called again."""
        self.shrink(0)


class SlotPool:
    """`total` slots, which may change. Not for use from several threads."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0

    def statistics(self) -> SlotStatistics:
        """A snapshot."""
        return SlotStatistics(total=self.total, used=self._used)

    def take(self, n_slots: int) -> Lease:
        """Holds `n_slots`. Raises SlotsTaken when too few are free."""
        self._take(n_slots)
        return Lease(n_slots, self._take)

    def adopt(self, n_slots: int) -> Lease:
        """Holds `n_slots`, beyond the total if necessary: their workers are already running."""
        self._used += n_slots
        return Lease(n_slots, self._take)

    def _take(self, n_slots: int) -> None:
        if n_slots > 0 and self._used + n_slots > self.total:
            raise SlotsTaken(n_slots, self.total - self._used)
        self._used += n_slots
