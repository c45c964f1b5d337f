"""What running attempts hold of the slots: told through control.json, and free only when they say that they know."""

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


class Office:
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
        self.grants = Grants(
            tasks, ledger=self.ledger, pool=self.pool, reports=self.reports, changed=self._tell_changed
        )
        self.grants.take("j1", 8)

    def _tell_changed(self) -> None:
        self.changed.set()

    async def tell(self, **shares: int) -> Control:
        """What the attempt was told, once it stands in the file."""
        self.changed = anyio.Event()
        self.grants.send(shares)
        with anyio.fail_after(10):
            await self.changed.wait()
        return msgspec.json.decode(self.layout.control_file.read_bytes(), type=Control)

    def hear(self, *, heeds: int, workers: int) -> int:
        """The slots it holds, when it has said this."""
        self.reports.record_progress(
            "j1", msgspec.structs.replace(PROGRESS, control_serial_seen=heeds, workers=workers)
        )
        self.grants.reclaim_parked()
        assert self.pool.statistics().used == self.grants.slots_of("j1")
        return self.grants.slots_of("j1")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with anyio.create_task_group() as tasks:
        yield Office(tmp_path, tasks)


async def test_slots_are_free_when_an_attempt_that_knows_its_share_has_parked(office: Office) -> None:
    """Few at work for another reason, as when a film is being opened, frees nothing."""
    told = await office.tell(j1=4)
    assert (told.attempt, told.serial, told.workers, told.paused) == (1, 1, 4, False)
    assert not office.grants.is_settled
    assert office.hear(heeds=0, workers=2) == 8
    assert office.hear(heeds=1, workers=6) == 6
    assert office.hear(heeds=1, workers=2) == 4
    assert office.grants.is_settled


async def test_slots_are_taken_before_more_is_granted_and_an_old_word_frees_none(office: Office) -> None:
    await office.tell(j1=4)
    office.hear(heeds=1, workers=4)
    office.changed = anyio.Event()
    office.grants.send({"j1": 7})
    assert office.grants.slots_of("j1") == 7
    with anyio.fail_after(10):
        await office.changed.wait()
    assert office.hear(heeds=1, workers=4) == 7
    assert office.hear(heeds=2, workers=5) == 7


async def test_paused_attempt_is_told_once_and_holds_nothing_when_all_have_parked(office: Office) -> None:
    """Resumed, it is told when it has slots again."""
    await office.ledger.record("j1", PauseRequested())
    told = await office.tell()
    assert (told.workers, told.paused) == (8, True)
    office.grants.send({})
    assert office.hear(heeds=1, workers=3) == 3
    assert office.hear(heeds=1, workers=0) == 0
    await office.ledger.record("j1", ResumeRequested())
    office.grants.send({})
    await anyio.wait_all_tasks_blocked()
    assert msgspec.json.decode(office.layout.control_file.read_bytes(), type=Control).serial == 1
    office.grants.take("j1", 5)
    told = await office.tell(j1=5)
    assert (told.serial, told.workers, told.paused) == (2, 5, False)


async def test_share_that_cannot_be_written_is_not_believed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slots stay the attempt's; it is told when the disk lets it."""
    monkeypatch.setattr("framed.attempts.grants._WRITE_AGAIN_S", 0.01)
    office.layout.control.rename(office.layout.folder / "away")
    office.changed = anyio.Event()
    office.grants.send({"j1": 4})
    with anyio.fail_after(10):
        await office.changed.wait()
    assert office.hear(heeds=0, workers=0) == 8
    (office.layout.folder / "away").rename(office.layout.control)
    assert (await office.tell(j1=4)).serial == 2
