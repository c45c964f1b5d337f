"""The slot pool: it counts, and never gives out what it does not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framed.attempts.slots import Lease, SlotPool, SlotsTaken, SlotStatistics


def test_slots_are_had_together_or_not_at_all() -> None:
    """Three are not given while two are free, and none of the two is taken."""
    pool = SlotPool(4)
    pool.take(2)
    with pytest.raises(SlotsTaken, match="3 slots requested, 2 free"):
        pool.take(3)
    assert pool.statistics() == SlotStatistics(total=4, used=2)


def test_lease_gives_back_and_takes_more() -> None:
    pool = SlotPool(4)
    first, second = pool.take(3), pool.take(1)
    first.shrink(1)
    second.grow(3)
    with pytest.raises(SlotsTaken):
        first.grow(2)
    assert (first.n_slots, second.n_slots, pool.statistics().used) == (1, 3, 4)


def test_released_twice_is_released_once() -> None:
    pool = SlotPool(2)
    lease = pool.take(2)
    lease.release()
    lease.release()
    assert pool.statistics().used == 0


def test_adopted_slots_may_exceed_the_total_and_then_nobody_is_admitted() -> None:
    """What ran under a larger budget goes on; new ones wait until it fits again."""
    pool = SlotPool(2)
    adopted = pool.adopt(5)
    with pytest.raises(SlotsTaken):
        pool.take(1)
    adopted.shrink(2)
    with pytest.raises(SlotsTaken):
        pool.take(1)
    adopted.shrink(1)
    assert pool.take(1).n_slots == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 7)), max_size=60))
def test_what_is_used_is_what_is_held(moves: list[tuple[int, int]]) -> None:
    """Whatever is taken, grown, shrunk and released: never more than there are."""
    pool = SlotPool(5)
    leases: list[Lease] = []
    for which, n_slots in moves:
        try:
            if which >= len(leases):
                leases.append(pool.take(n_slots))
            elif n_slots > leases[which].n_slots:
                leases[which].grow(n_slots)
            else:
                leases[which].shrink(n_slots)
        except SlotsTaken:
            pass
        assert pool.statistics().used == sum(lease.n_slots for lease in leases) <= 5
