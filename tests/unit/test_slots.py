"""The slot pool under every order of arrivals and departures."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from framed.slots import Lease, SlotPool, SlotStatistics

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_slots_are_had_together_or_not_at_all() -> None:
    """A request for three waits while two are free, and takes none of them."""
    pool = SlotPool(4)
    first = await pool.acquire(2)
    async with anyio.create_task_group() as tasks:
        leases: list[Lease] = []

        async def wide() -> None:
            leases.append(await pool.acquire(3))

        tasks.start_soon(wide)
        await anyio.wait_all_tasks_blocked()
        assert (pool.statistics().used, pool.statistics().waiting) == (2, 1)
        first.release()
    assert pool.statistics().used == leases[0].n_slots == 3


async def test_wide_job_is_not_starved_by_narrow_ones() -> None:
    """Narrow requests that would fit stand in line behind it."""
    pool = SlotPool(4)
    order: list[str] = []
    first = await pool.acquire(1)

    async def take(name: str, n_slots: int) -> None:
        lease = await pool.acquire(n_slots)
        order.append(name)
        lease.release()

    async with anyio.create_task_group() as tasks:
        for name, n_slots in (("wide", 4), ("narrow 1", 1), ("narrow 2", 1)):
            tasks.start_soon(take, name, n_slots)
            await anyio.wait_all_tasks_blocked()
        assert order == []
        first.release()
    assert order == ["wide", "narrow 1", "narrow 2"]


async def test_who_leaves_the_line_lets_the_next_one_through() -> None:
    """A cancelled wide request no longer holds up the narrow one."""
    pool = SlotPool(2)
    first = await pool.acquire(1)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pool.acquire, 2)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    with anyio.fail_after(1):
        second = await pool.acquire(1)
    assert pool.statistics() == SlotStatistics(total=2, used=2, waiting=0)
    first.release()
    second.release()
    assert pool.statistics().used == 0


async def test_slots_granted_to_one_who_is_cancelled_at_that_moment_come_back() -> None:
    """They were free, and given, before the cancellation was noticed."""
    pool = SlotPool(1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await pool.acquire(1)
    assert scope.cancelled_caught
    assert pool.statistics().used == 0


async def test_released_twice_is_released_once() -> None:
    pool = SlotPool(2)
    lease = await pool.acquire(2)
    lease.release()
    lease.release()
    assert pool.statistics().used == 0


async def test_adopted_slots_may_exceed_the_total_and_then_nobody_is_admitted() -> None:
    """What ran under a larger budget goes on; new ones wait until it fits again."""
    pool = SlotPool(2)
    adopted = pool.adopt(5)
    with anyio.move_on_after(0.01) as scope:
        await pool.acquire(1)
    assert scope.cancelled_caught
    adopted.release()
    assert (await pool.acquire(2)).n_slots == 2


@pytest.mark.parametrize("n_slots", [0, -1, 3])
async def test_request_that_can_never_be_met_is_an_error(n_slots: int) -> None:
    with pytest.raises(ValueError, match="of 2"):
        await SlotPool(2).acquire(n_slots)


class PoolMachine(RuleBasedStateMachine):
    """Requests come, are cancelled, are granted and given back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 5
        self.pool = SlotPool(self.total)
        self.runner = anyio.from_thread.start_blocking_portal("asyncio")
        self.portal = self.runner.__enter__()
        self.waiting: list[tuple[int, object]] = []
        self.held: list[Lease] = []

    @rule(n_slots=st.integers(1, 5))
    def request(self, n_slots: int) -> None:
        future = self.portal.start_task_soon(self.pool.acquire, n_slots)
        self.waiting.append((n_slots, future))

    @precondition(lambda self: self.waiting)
    @rule(index=st.integers(0, 100))
    def give_up(self, index: int) -> None:
        _, future = self.waiting.pop(index % len(self.waiting))
        if not future.cancel():  # type: ignore[attr-defined]
            self.held.append(future.result())  # type: ignore[attr-defined]

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 100))
    def give_back(self, index: int) -> None:
        self.portal.call(self.held.pop(index % len(self.held)).release)

    @invariant()
    def nothing_is_oversubscribed_and_the_first_in_line_does_not_fit(self) -> None:
        self.portal.call(anyio.wait_all_tasks_blocked)
        granted = [entry for entry in self.waiting if entry[1].done()]  # type: ignore[attr-defined]
        self.waiting = [entry for entry in self.waiting if entry not in granted]
        self.held += [future.result() for _, future in granted]  # type: ignore[attr-defined]
        statistics = self.pool.statistics()
        assert statistics.used == sum(lease.n_slots for lease in self.held) <= self.total
        assert statistics.waiting == len(self.waiting)
        if self.waiting:
            assert statistics.used + self.waiting[0][0] > self.total

    def teardown(self) -> None:
        for _, future in self.waiting:
            future.cancel()  # type: ignore[attr-defined]
        self.runner.__exit__(None, None, None)


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@given(st.lists(st.integers(1, 4), max_size=30))
@settings(max_examples=30, deadline=None)
def test_slots_are_had_in_the_order_of_asking(widths: list[int]) -> None:
    """First come, first served, whatever the widths."""

    async def scenario() -> None:
        pool = SlotPool(4)
        blocker = await pool.acquire(4)
        served: list[int] = []

        async def take(number: int, n_slots: int) -> None:
            lease = await pool.acquire(n_slots)
            served.append(number)
            await anyio.lowlevel.checkpoint()
            lease.release()

        async with anyio.create_task_group() as tasks:
            for number, n_slots in enumerate(widths):
                tasks.start_soon(take, number, n_slots)
            await anyio.wait_all_tasks_blocked()
            blocker.release()
        assert served == sorted(served)
        assert pool.statistics().used == 0

    anyio.run(scenario)
