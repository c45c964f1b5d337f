"""When a running attempt is stalled: what counts as progress, what does not, and how often it is reported."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
import pytest

from frame_extractor.contract.attempt import Stage
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.model.job import Running
from framed.model.reasons import Stalled
from framed.policy.lifecycle import CancelRequested, PauseRequested
from framed.reason_text import reason_text
from framed.settings.config import NotifySettings, Settings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import load_places
from framed.state.ledger import Ledger
from framed.state.store import Store
from tests.harness.jobs import PROGRESS, attempt, job, moment

AFTER_S: Final = 900.0


class RunningAttempt:
    """One attempt that runs, and whoever listens."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "framed.db")
        self.store.write([job(state=Running(since=moment().utc, attempt=attempt()))])
        self.ledger = Ledger(self.store, lambda project, _now: project)
        self.reports = AttemptReports()
        settings = Settings(notify=NotifySettings(stalled_after_s=AFTER_S))
        self.stalls = StallDetector(self.ledger, self.reports, LiveSettings(load_places(folder), settings))
        self.reported: list[Stalled] = []
        self.stalls.listen(lambda _job, stalled: self.reported.append(stalled))
        self.stalls.check(0)

    def advance(self, **changes: Any) -> None:
        before = self.reports.progress_of("j1") or PROGRESS
        self.reports.record_progress("j1", msgspec.structs.replace(before, **changes))

    def check_for(self, seconds: float) -> str:
        """So much later, in checks of five seconds."""
        for _ in range(round(seconds / 5)):
            self.stalls.check(5)
        stalled = self.stalls.stalled("j1")
        return reason_text(stalled) if stalled else ""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningAttempt]:
    made = RunningAttempt(tmp_path)
    yield made
    made.store.close()


def test_stalled_attempt_is_notified_once_and_shown_while_it_is(running: RunningAttempt) -> None:
    """Not a second too early."""
    running.advance(steps=1)
    running.check_for(5)
    assert running.check_for(AFTER_S - 5) == ""
    assert running.check_for(5) == "no progress for 15 min"
    assert running.check_for(600) == "no progress for 25 min"
    assert running.reported == [Stalled(still_s=900)]
    assert running.stalls.n_stalled == 1


def test_attempt_that_stalls_again_is_notified_again(running: RunningAttempt, caplog: pytest.LogCaptureFixture) -> None:
    """The log has all of it."""
    with caplog.at_level(logging.INFO, logger="framed"):
        running.check_for(AFTER_S)
        running.advance(steps=1)
        assert running.check_for(5) == ""
        running.check_for(AFTER_S)
    assert len(running.reported) == 2
    assert [record.message for record in caplog.records] == [
        "attempt stalled", "attempt makes progress again", "attempt stalled",
    ]  # fmt: skip


def test_attempt_that_never_reported_progress_is_stalled_too(running: RunningAttempt) -> None:
    """It hung before it wrote its first word."""
    assert running.check_for(AFTER_S) == "no progress for 15 min"


@pytest.mark.parametrize(
    "sign", [{"steps": 7}, {"stage": Stage.WRITING}, {"fraction": 0.71}, {"images": 99}, {"film_number": 2}]
)
def test_whatever_is_done_is_progress(running: RunningAttempt, sign: dict[str, Any]) -> None:
    """Steps grow while a piece of film is done again, and while results are moved, when no fraction does."""
    running.advance(steps=1)
    running.check_for(AFTER_S - 50)
    running.advance(**sign)
    assert running.check_for(AFTER_S - 50) == ""


def test_time_that_passes_is_no_progress(running: RunningAttempt) -> None:
    """The heartbeat goes on while the film's disk hangs."""
    running.advance(steps=1)
    for minute in range(16):
        running.advance(elapsed_s=60.0 * minute, eta_s=60.0 * minute, updated_at=f"2025-11-15T14:{minute:02}:00Z")
        running.check_for(60)
    assert running.reported == [Stalled(still_s=900)]


def test_parked_attempt_is_not_stalled_and_is_timed_from_its_end(running: RunningAttempt) -> None:
    """By whatever rule it was suspended."""
    running.advance(steps=1)
    running.check_for(AFTER_S - 50)
    running.advance(paused=True, workers=0)
    assert running.check_for(10 * AFTER_S) == ""
    running.advance(paused=False, workers=4)
    assert running.check_for(AFTER_S - 50) == ""


@pytest.mark.parametrize("wish", [PauseRequested(), CancelRequested()])
def test_attempt_that_is_paused_or_cancelled_is_not_notified(
    running: RunningAttempt, wish: PauseRequested | CancelRequested
) -> None:
    """Whoever asked watches it already."""
    running.advance(steps=1)

    async def ask() -> None:
        await running.ledger.commit({"j1": wish})

    anyio.run(ask)
    assert running.check_for(2 * AFTER_S) == ""
    assert running.reported == []
