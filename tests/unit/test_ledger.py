"""The ledger: durable before visible, and all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from framed.model.job import Cancelled, Ending, Queued, Successor, Verdict
from framed.policy.lifecycle import CancelRequested, Ended, IllegalEvent, ReplaceRequested, Started
from framed.policy.retry import StopCancelled
from framed.state import ledger as ledger_module
from framed.state.ledger import Ledger, NewJob, ProjectBusy
from framed.state.store import Store, StoreUnavailable
from tests.fakes.store import BrittleStore
from tests.harness.jobs import attempt, kept_reply, options, outcome

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BrittleStore]:
    opened = BrittleStore(tmp_path / "framed.db")
    yield opened
    opened.close()


def open_ledger(store: Store) -> Ledger:
    return Ledger(store, lambda project, _now: f"/logs/{project}.log")


def new_job(project: str = "onward") -> NewJob:
    return NewJob(project=project, by="user", options=options())


async def test_jobs_are_there_after_a_restart_in_the_order_of_their_coming(store: BrittleStore) -> None:
    first = open_ledger(store)
    await first.commit({}, [new_job("b"), new_job("a")])
    again = open_ledger(store)
    assert [job.project for job in again.open_jobs()] == ["b", "a"]
    assert again.open_jobs() == first.open_jobs()
    await again.commit({}, [new_job("c")])
    assert [job.order for job in again.open_jobs()] == [1, 2, 3]


async def test_nothing_is_visible_that_is_not_durable(store: BrittleStore) -> None:
    """With the disk full, neither the job nor a listener's call."""
    ledger = open_ledger(store)
    calls: list[str] = []
    ledger.listen(lambda: calls.append("changed"))
    store.is_full = True
    with pytest.raises(StoreUnavailable):
        await ledger.commit({}, [new_job()])
    assert ledger.open_jobs() == []
    assert calls == []
    store.is_full = False
    await ledger.commit({}, [new_job()])
    assert calls == ["changed"]


async def test_one_event_too_late_undoes_the_complete_commit(store: BrittleStore) -> None:
    ledger = open_ledger(store)
    jobs = await ledger.commit({}, [new_job("a"), new_job("b")])
    await ledger.commit({jobs["a"].id: CancelRequested()})
    with pytest.raises(IllegalEvent):
        await ledger.commit({jobs["b"].id: CancelRequested(), jobs["a"].id: CancelRequested()}, [new_job("c")])
    assert isinstance(ledger.job(jobs["b"].id).state, Queued)
    assert ledger.latest("c") is None


async def test_project_has_one_open_job_at_a_time(store: BrittleStore) -> None:
    ledger = open_ledger(store)
    jobs = await ledger.commit({}, [new_job()])
    with pytest.raises(ProjectBusy):
        await ledger.commit({}, [new_job()])
    await ledger.commit({jobs["onward"].id: CancelRequested()})
    await ledger.commit({}, [new_job()])
    assert len(ledger.open_jobs()) == 1


async def test_what_happened_is_recorded_when_the_disk_has_room_again(
    store: BrittleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outcome cannot be refused: it waits."""
    monkeypatch.setattr(ledger_module, "_RETRY_S", 0.01)
    ledger = open_ledger(store)
    job = (await ledger.commit({}, [new_job()]))["onward"]
    store.is_full = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.record, job.id, CancelRequested(), {"f1": Verdict.CANCELLED})
        with anyio.move_on_after(0.05):
            await ledger.wait_for_change()
        assert isinstance(ledger.job(job.id).state, Queued)
        assert ledger.problem == f"the state database {store._path} cannot be written: disk full"
        store.is_full = False
    assert ledger.problem is None
    assert isinstance(ledger.job(job.id).state, Cancelled)
    assert ledger.verdict("onward", "f1") is Verdict.CANCELLED
    assert open_ledger(store).verdict("onward", "f1") is Verdict.CANCELLED


async def test_state_that_can_be_written_again_is_found_out_without_a_change(
    store: BrittleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A submit that was refused comes to nothing more; whoever waits for the disk gets the error."""
    monkeypatch.setattr(ledger_module, "_RETRY_S", 0.01)
    ledger = open_ledger(store)
    store.is_full = True
    with pytest.raises(StoreUnavailable):
        await ledger.commit({}, [new_job()])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.retry_failed_writes)
        with anyio.move_on_after(0.05):
            await ledger.wait_for_change()
        assert ledger.problem
        store.is_full = False
        await ledger.wait_for_change()
        tasks.cancel_scope.cancel()
    assert ledger.problem is None
    assert store.flags() == frozenset()


async def test_successor_is_in_the_queue_with_the_end_of_the_job_it_replaces(store: BrittleStore) -> None:
    """Under the id that was promised, also when a restart lies between."""
    ledger = open_ledger(store)
    job = (await ledger.commit({}, [new_job()]))["onward"]
    await ledger.record(job.id, Started(attempt=attempt(), films=()))
    await ledger.record(job.id, ReplaceRequested(successor=Successor(id="j2", options=options(retry=9), force=True)))
    again = open_ledger(store)
    ended = await again.record(job.id, Ended(outcome=outcome(None, Ending.STOPPED), consequence=StopCancelled()))
    assert (ended.id, type(ended.state)) == (job.id, Cancelled)
    for each in (again, open_ledger(store)):
        [following] = each.open_jobs()
        assert (following.id, following.order, following.by, following.force) == ("j2", 2, "user", True)
        assert following.options.retry == 9
        assert each.latest("onward") == following


async def test_old_jobs_leave_the_memory(store: BrittleStore) -> None:
    """Of a project's ended jobs only the latest is kept."""
    ledger = open_ledger(store)
    job_ids = []
    for _ in range(5):
        job_ids.append((await ledger.commit({}, [new_job()]))["onward"].id)
        await ledger.commit({job_ids[-1]: CancelRequested()})
    assert list(ledger._jobs) == job_ids[-1:]


async def test_answer_is_durable_with_its_jobs(store: BrittleStore) -> None:
    ledger = open_ledger(store)
    await ledger.commit({}, [new_job()], answer=lambda jobs: kept_reply("key", jobs["onward"].id.encode()))
    found = open_ledger(store).latest("onward")
    assert found is not None
    assert await ledger.reply("key") == kept_reply("key", found.id.encode())
