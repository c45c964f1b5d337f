"""Who gets how many slots when: as examples, and under every order of arrivals, endings, pauses and parkings."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from frame_extractor.contract.attempt import Control
from framed.attempts.grants import held_slots
from framed.attempts.slots import Lease, SlotPool
from framed.model.job import Job, Running
from framed.model.reasons import (
    AwaitingMemory,
    AwaitingPlace,
    AwaitingSlots,
    DiskLow,
    Draining,
    Paused,
    PausePhase,
    Suspension,
)
from framed.policy.schedule import NOTHING_BLOCKED, Decision, SlotHolding, StartsBlocked, decide
from framed.policy.shares import Budget, Claim, shares
from tests.harness.jobs import PROGRESS, attempt, job, moment, options

LOW = DiskLow(needed_bytes=1_400_000_000, free_bytes=900_000_000)


def a_job(name: str, order: int = 1, asked: int | Literal["auto"] = "auto", **changes: Any) -> Job:
    given = options(workers=asked, frames_dir=f"/datasets/{name}/frames")
    return job(**{"id": name, "project": name, "order": order, "options": given, **changes})


def decided(
    jobs: list[Job],
    *,
    holdings: dict[str, SlotHolding] | None = None,
    slot_queue: tuple[str, ...] = (),
    budget: Budget | None = None,
    run_blocked: dict[str, Suspension] | None = None,
    closed: StartsBlocked = NOTHING_BLOCKED,
) -> Decision:
    limits = budget or Budget(24, 6)
    return decide(
        jobs,
        holdings=holdings or {},
        slot_queue=slot_queue,
        start_blocked={},
        run_blocked=run_blocked or {},
        budget=limits,
        now=moment(),
        closed=closed,
    )


def starts(decision: Decision) -> list[tuple[str, int]]:
    return [(start.job_id, start.workers) for start in decision.starts]


A, B, C = (a_job(name, order) for order, name in enumerate("ABC"))


def test_third_project_shrinks_the_two_running_ones_and_starts_when_they_have_parked() -> None:
    """32 threads: 12 each, then 8 each."""
    asked = decided([A, B, C], holdings={"A": SlotHolding(12), "B": SlotHolding(12)})
    assert asked.shares == {"A": 8, "B": 8}
    assert (asked.starts, asked.slot_queue) == ((), ("C",))
    assert asked.waiting["C"] == AwaitingSlots(workers=8, used=24, total=24)
    half = decided([A, B, C], holdings={"A": SlotHolding(8), "B": SlotHolding(9)}, slot_queue=asked.slot_queue)
    assert half.starts == ()
    parked = decided([A, B, C], holdings={"A": SlotHolding(8), "B": SlotHolding(8)}, slot_queue=half.slot_queue)
    assert (starts(parked), parked.slot_queue) == ([("C", 8)], ())


def test_the_others_grow_back_when_one_has_ended() -> None:
    """By what is free, and by no more."""
    holdings = {"A": SlotHolding(8), "B": SlotHolding(8)}
    assert decided([A, B], holdings=holdings).shares == {"A": 12, "B": 12}
    assert decided([A, B], holdings=holdings, budget=Budget(18, 6)).shares == {"A": 9, "B": 9}
    late = {"A": SlotHolding(8), "B": SlotHolding(8), "C": SlotHolding(5)}  # C is paused, and has not parked all
    assert decided([A, B, msgspec.structs.replace(C, paused=True)], holdings=late).shares == {"A": 11, "B": 8}


def test_nobody_grows_past_one_who_waits() -> None:
    """Else he might wait for ever."""
    holdings = {"A": SlotHolding(4), "B": SlotHolding(14)}
    decision = decided([A, B, C], holdings=holdings)
    assert (decision.slot_queue, decision.shares) == (("C",), {"A": 4, "B": 8})


def test_who_waits_for_slots_is_not_overtaken_by_one_before_him_in_the_queue() -> None:
    """A narrow job whose backoff is over comes first in the queue, and after him in the slot queue."""
    narrow, wide = a_job("narrow", 1, 1), a_job("wide", 9, 12)
    decision = decided([narrow, A, wide], holdings={"A": SlotHolding(20)}, slot_queue=("wide",))
    assert (decision.starts, decision.slot_queue) == ((), ("wide", "narrow"))


def test_film_that_is_read_whole_keeps_its_slots_and_the_others_share_the_rest() -> None:
    """It cannot park a part of its threads: nobody waits for that."""
    decision = decided([A, B, C], holdings={"A": SlotHolding(12, is_elastic=False), "B": SlotHolding(6)})
    assert decision.shares == {"A": 8, "B": 6}
    assert starts(decision) == [("C", 6)]
    assert shares({"A": Claim("auto", fixed=8), "B": Claim("auto"), "C": Claim(2)}, 8) == {"A": 2, "B": 1, "C": 1}


def test_paused_job_gives_its_place_and_its_slots_away() -> None:
    """Running or waiting; and it queues for slots again when it is resumed."""
    paused = msgspec.structs.replace(A, paused=True)
    decision = decided([paused, B], holdings={"A": SlotHolding(0)}, budget=Budget(4, 1))
    assert starts(decision) == [("B", 4)]
    waits = decided([paused, B], holdings={"B": SlotHolding(4)}, budget=Budget(4, 1))
    assert waits.waiting == {"A": Paused(phase=PausePhase.BEFORE_START)}
    resumed = decided([A, B], holdings={"A": SlotHolding(0), "B": SlotHolding(4)}, budget=Budget(4, 1))
    assert resumed.waiting == {"A": AwaitingPlace(running=1, max_active=1)}
    assert starts(decided([A], holdings={"A": SlotHolding(0)}, budget=Budget(4, 1))) == [("A", 4)]


def test_suspended_job_gives_its_slots_to_the_others() -> None:
    """As one that its user has paused; it is notified, and goes on by itself."""
    low: dict[str, Suspension] = {"A": LOW}
    holdings = {"A": SlotHolding(4), "B": SlotHolding(4)}
    decision = decided([A, B], holdings=holdings, budget=Budget(8, 2), run_blocked=low)
    assert (decision.shares, decision.suspended) == ({"A": 0, "B": 4}, low)
    parked = decided([A, B], holdings={"A": SlotHolding(0), "B": SlotHolding(4)}, budget=Budget(8, 2), run_blocked=low)
    assert (parked.shares, starts(parked)) == ({"A": 0, "B": 8}, [])
    assert starts(decided([A, B], holdings={"A": SlotHolding(0), "B": SlotHolding(4)}, budget=Budget(8, 2))) == [
        ("A", 4)
    ]
    paused = decided([msgspec.structs.replace(A, paused=True)], holdings={"A": SlotHolding(0)}, run_blocked=low)
    assert paused.suspended == {}


def test_draining_starts_nothing_and_lets_what_runs_go_on() -> None:
    """Also what was paused."""
    draining = StartsBlocked(for_new=Draining())
    decision = decided([A, B, C], holdings={"A": SlotHolding(0), "B": SlotHolding(12)}, closed=draining)
    assert starts(decision) == [("A", 12)]
    assert decision.waiting == {"C": Draining()}
    assert decision.shares == {"B": 12}


def test_without_memory_nothing_begins_and_nothing_grows() -> None:
    low = StartsBlocked(for_more_memory=AwaitingMemory(needed_bytes=3_500_000_000, available_bytes=3_100_000_000))
    decision = decided([A, B, C], holdings={"A": SlotHolding(0), "B": SlotHolding(6)}, closed=low)
    assert (decision.starts, decision.slot_queue) == ((), ())
    assert decision.waiting == {"A": low.for_more_memory, "C": low.for_more_memory}
    assert decision.shares == {"B": 6}


@pytest.mark.parametrize(
    ("control", "serial_seen", "at_work", "slots"),
    [
        (None, None, 0, 8),
        (None, 0, 6, 8),
        (Control(attempt=1, serial=1, workers=4), 1, 4, 4),
        (Control(attempt=1, serial=1, workers=4), 1, 6, 6),
        (Control(attempt=1, serial=2, workers=4), 1, 3, 8),
        (Control(attempt=1, serial=2, workers=12), 1, 3, 12),
        (Control(attempt=1, serial=2, workers=12, paused=True), 2, 0, 0),
        (Control(attempt=1, serial=2, workers=12, paused=True), 2, 3, 3),
        (Control(attempt=1, serial=2, workers=4), None, 0, 8),
    ],
)
def test_adopted_job_holds_what_it_may_really_use(
    control: Control | None, serial_seen: int | None, at_work: int, slots: int
) -> None:
    """It began with 8. The grant sent to it counts once progress says that it was seen; until then the larger."""
    progress = None
    if serial_seen is not None:
        progress = msgspec.structs.replace(PROGRESS, control_serial_seen=serial_seen, workers=at_work)
    held = held_slots(attempt(workers=8), control, progress)
    assert held.slots == slots
    assert held.serial >= max(serial_seen or 0, control.serial if control else 0)


class Extractor:
    """Its grant, and how many of its workers are at work."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.granted = self.at_work = lease.n_slots
        self.is_elastic = True

    def park(self, most: int) -> None:
        """So many of its workers at most come to the end of their chunks."""
        if self.at_work > self.granted and (self.is_elastic or not self.granted):
            self.at_work = max(self.granted, self.at_work - most) if self.is_elastic else 0
        self.lease.shrink(min(self.lease.n_slots, max(self.granted, self.at_work)))


class ScheduleMachine(RuleBasedStateMachine):
    """A daemon with extractors that take their time: jobs come, end, pause, go on, park, at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(7, 3)
        self.pool = SlotPool(self.budget.slots)
        self.jobs: dict[str, Job] = {}
        self.extractors: dict[str, Extractor] = {}
        self.slot_queue: tuple[str, ...] = ()
        self.run_blocked: dict[str, Suspension] = {}
        self.n_jobs = 0

    def run_pass(self) -> Decision:
        holdings = {name: SlotHolding(each.lease.n_slots, each.is_elastic) for name, each in self.extractors.items()}
        jobs = sorted(self.jobs.values(), key=lambda each: each.order)
        decision = decide(
            jobs,
            holdings=holdings,
            slot_queue=self.slot_queue,
            start_blocked={},
            run_blocked=self.run_blocked,
            budget=self.budget,
            now=moment(),
        )
        still_waiting = [
            name for name in self.slot_queue if name in self.jobs and not self.is_suspended_or_paused(name)
        ]
        for start in decision.starts:
            # Whoever starts was the first of the slot queue, if there was one.
            assert not still_waiting or still_waiting.pop(0) == start.job_id
            if start.job_id in self.extractors:
                extractor = self.extractors[start.job_id]
                extractor.lease.grow(start.workers)
                extractor.granted = extractor.at_work = start.workers
            else:
                self.extractors[start.job_id] = Extractor(self.pool.take(start.workers))
                state = Running(since=moment().utc, attempt=attempt(workers=start.workers))
                self.jobs[start.job_id] = msgspec.structs.replace(self.jobs[start.job_id], state=state)
        for name, extractor in self.extractors.items():
            if self.jobs[name].paused or decision.shares.get(name) == 0:
                extractor.granted = 0
            elif name in decision.shares:
                if decision.shares[name] > extractor.lease.n_slots:
                    extractor.lease.grow(decision.shares[name])
                extractor.granted = decision.shares[name]
                if extractor.is_elastic:
                    extractor.at_work = max(extractor.at_work, extractor.granted)
        self.slot_queue = decision.slot_queue
        assert {*self.jobs} == {*self.extractors} | {*decision.waiting}
        return decision

    def is_suspended_or_paused(self, name: str) -> bool:
        return self.jobs[name].paused or (name in self.run_blocked and name in self.extractors)

    @rule(asked=st.one_of(st.just("auto"), st.integers(1, 9)))
    def arrive(self, asked: int | Literal["auto"]) -> None:
        self.n_jobs += 1
        name = f"j{self.n_jobs}"
        self.jobs[name] = a_job(name, self.n_jobs, asked)
        self.run_pass()

    @precondition(lambda self: self.extractors)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.extractors)))
        self.extractors.pop(name).lease.release()
        del self.jobs[name]
        self.run_pass()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), paused=st.booleans())
    def pause_or_resume(self, data: st.DataObject, *, paused: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.jobs)))
        self.jobs[name] = msgspec.structs.replace(self.jobs[name], paused=paused)
        self.run_pass()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def rest_or_go_on(self, data: st.DataObject) -> None:
        self.run_blocked = dict.fromkeys(data.draw(st.sets(st.sampled_from(sorted(self.jobs)))), LOW)
        self.run_pass()

    @precondition(lambda self: self.extractors)
    @rule(data=st.data(), most=st.integers(1, 4))
    def park(self, data: st.DataObject, most: int) -> None:
        self.extractors[data.draw(st.sampled_from(sorted(self.extractors)))].park(most)
        self.run_pass()

    @precondition(lambda self: self.extractors)
    @rule(data=st.data(), is_elastic=st.booleans())
    def begin_a_film_of_another_kind(self, data: st.DataObject, *, is_elastic: bool) -> None:
        self.extractors[data.draw(st.sampled_from(sorted(self.extractors)))].is_elastic = is_elastic
        self.run_pass()

    @rule()
    def let_all_park_and_see_nobody_starve(self) -> None:
        """When all obey and nothing else happens, everybody who has a place and can have slots has them."""
        decision = self.run_pass()
        before = None
        for _ in range(30):
            for extractor in self.extractors.values():
                extractor.park(99)
            decision = self.run_pass()
            now = (decision.slot_queue, [(each.lease.n_slots, each.at_work) for each in self.extractors.values()])
            if now == before:  # nothing changes any more
                break
            before = now
        if all(extractor.is_elastic for extractor in self.extractors.values()):
            assert decision.slot_queue == ()
            at_work = [name for name in self.extractors if not self.is_suspended_or_paused(name)]
            able = [name for name in self.jobs if not self.is_suspended_or_paused(name)]
            assert len(at_work) >= min(len(able), self.budget.max_active), decision

    @invariant()
    def no_more_at_work_than_there_are_slots(self) -> None:
        held = [extractor.lease.n_slots for extractor in self.extractors.values()]
        at_work = [extractor.at_work for extractor in self.extractors.values()]
        assert sum(at_work) <= sum(held) == self.pool.statistics().used <= self.pool.total
        assert all(worker <= lease for worker, lease in zip(at_work, held, strict=True))


TestSchedule = ScheduleMachine.TestCase
TestSchedule.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
