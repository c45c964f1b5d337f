"""What running attempts hold of the slots: control through control.json, and free only when they say that they know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest

from frame_extractor.contract.attempt import Control
from frame_extractor.contract.layout import OutputLayout
from framed.attempts.grants import Grants
from framed.attempts.reports import AttemptReports
from framed.attempts.slots import SlotPool
from framed.model.job import Running
from framed.policy.lifecycle import PauseRequested, ResumeRequested
from framed.state.ledger import Ledger
from framed.state.store import Store
from tests.harness.jobs import PROGRESS, attempt, job, moment, options

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class SlotHolder:
    """One attempt that began with all of eight slots."""

    def __init__(self, folder: Path, tasks: anyio.abc.TaskGroup) -> None:
        self.layout = OutputLayout(folder / "onward" / "frames")
        self.layout.control.mkdir(parents=True)
        store = Store(folder / "framed.db")
        running = Running(since=moment().utc, attempt=attempt(workers=8))
        store.write([job(state=running, options=options(frames_dir=str(self.layout.frames_dir)))])
        self.ledger = Ledger(store, lambda project, _now: project)
        self.reports = AttemptReports()
        self.changed = anyio.Event()
        self.pool = SlotPool(8)
        self.grants = Grants(tasks, ledger=self.ledger, pool=self.pool, reports=self.reports, changed=self._set_changed)
        self.grants.take("j1", 8)

    def _set_changed(self) -> None:
        self.changed.set()

    async def send(self, **shares: int) -> Control:
        """What the attempt is granted, once it is in the file."""
        self.changed = anyio.Event()
        self.grants.send(shares)
        with anyio.fail_after(10):
            await self.changed.wait()
        return msgspec.json.decode(self.layout.control_file.read_bytes(), type=Control)

    def acknowledge(self, *, serial: int, workers: int) -> int:
        """The slots that it holds once it has acknowledged that serial."""
        self.reports.record_progress(
            "j1", msgspec.structs.replace(PROGRESS, control_serial_seen=serial, workers=workers)
        )
        self.grants.reclaim_parked()
        assert self.pool.statistics().used == self.grants.slots_of("j1")
        return self.grants.slots_of("j1")


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[SlotHolder]:
    async with anyio.create_task_group() as tasks:
        yield SlotHolder(tmp_path, tasks)


async def test_slots_are_free_when_an_attempt_that_knows_its_share_has_parked(holder: SlotHolder) -> None:
    """Few at work for another reason, as when a film is being opened, frees nothing."""
    control = await holder.send(j1=4)
    assert (control.attempt, control.serial, control.workers, control.paused) == (1, 1, 4, False)
    assert not holder.grants.is_settled
    assert holder.acknowledge(serial=0, workers=2) == 8
    assert holder.acknowledge(serial=1, workers=6) == 6
    assert holder.acknowledge(serial=1, workers=2) == 4
    assert holder.grants.is_settled


async def test_slots_are_taken_before_more_is_granted_and_an_old_report_frees_none(holder: SlotHolder) -> None:
    await holder.send(j1=4)
    holder.acknowledge(serial=1, workers=4)
    holder.changed = anyio.Event()
    holder.grants.send({"j1": 7})
    assert holder.grants.slots_of("j1") == 7
    with anyio.fail_after(10):
        await holder.changed.wait()
    assert holder.acknowledge(serial=1, workers=4) == 7
    assert holder.acknowledge(serial=2, workers=5) == 7


async def test_paused_attempt_gets_one_grant_and_holds_nothing_when_all_have_parked(holder: SlotHolder) -> None:
    """Resumed, it is notified when it has slots again."""
    await holder.ledger.record("j1", PauseRequested())
    control = await holder.send()
    assert (control.workers, control.paused) == (8, True)
    holder.grants.send({})
    assert holder.acknowledge(serial=1, workers=3) == 3
    assert holder.acknowledge(serial=1, workers=0) == 0
    await holder.ledger.record("j1", ResumeRequested())
    holder.grants.send({})
    await anyio.wait_all_tasks_blocked()
    assert msgspec.json.decode(holder.layout.control_file.read_bytes(), type=Control).serial == 1
    holder.grants.take("j1", 5)
    control = await holder.send(j1=5)
    assert (control.serial, control.workers, control.paused) == (2, 5, False)


async def test_share_that_cannot_be_written_is_not_believed(
    holder: SlotHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slots stay the attempt's; it is notified when the disk lets it."""
    monkeypatch.setattr("framed.attempts.grants._RETRY_WRITE_S", 0.01)
    holder.layout.control.rename(holder.layout.folder / "away")
    holder.changed = anyio.Event()
    holder.grants.send({"j1": 4})
    with anyio.fail_after(10):
        await holder.changed.wait()
    assert holder.acknowledge(serial=0, workers=0) == 8
    (holder.layout.folder / "away").rename(holder.layout.control)
    assert (await holder.send(j1=4)).serial == 2
