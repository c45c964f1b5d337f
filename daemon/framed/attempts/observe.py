"""Observes a running attempt until it has ended, reports its progress, and ends it when its job is cancelled.

The engine finds out whether the extractor is alive. The extractor's own records take precedence over what the engine
reports. `policy.ending` decides what the evidence means.
"""

from __future__ import annotations

import logging
from typing import Final

from frame_extractor.contract.layout import OutputLayout
from framed.attempts import attempt_files
from framed.attempts.attempt_files import Reports, layout_of
from framed.attempts.reports import AttemptReports
from framed.engines import AttemptEnded, AttemptRun, AttemptUnknown, Engine, EngineUnresponsive
from framed.host.clock import read_clocks
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Attempt, Job, Outcome, Running
from framed.policy.ending import Evidence, conclude
from framed.state.ledger import Ledger
from framed.threads import in_own_thread
from framed.wakeup import Wakeup

_log: Final = logging.getLogger(__name__)

POLL_S: Final = 0.5


class Observer:
    """Observes running attempts; the evidence of an end becomes an outcome."""

    def __init__(self, ledger: Ledger, engine: Engine, lock: LockWatch, reports: AttemptReports) -> None:
        self._ledger = ledger
        self._engine = engine
        self._lock = lock
        self._reports = reports
        self._wakeups: dict[str, Wakeup] = {}

    def wake(self, job_id: str) -> None:
        """The job has changed; its attempt is checked at once."""
        if wakeup := self._wakeups.get(job_id):
            wakeup.set()

    async def until_end(self, job: Job, attempt: Attempt, *, is_adopted: bool = False) -> Outcome:
        """How the attempt ended, once it has. `is_adopted`: an earlier daemon has started it."""
        layout = layout_of(job)
        observe = self._engine.adopt if is_adopted else self._engine.observe
        wakeup = self._wakeups[job.id] = Wakeup()
        was_known = True
        try:
            while True:
                run = await _run(layout, attempt)
                seen = await observe(run)
                observe = self._engine.observe
                if isinstance(seen, AttemptUnknown) and was_known:
                    why = fields(project=job.project, job_id=job.id, attempt=attempt.number, why=seen.why)
                    _log.warning("attempt not observed", extra=why)
                was_known = not isinstance(seen, AttemptUnknown)
                if isinstance(seen, AttemptEnded) and run.process is None:
                    run = await _run(layout, attempt)
                    if run.process is not None:
                        # It began, and perhaps ended, after the first attempt to read its started record.
                        continue
                # Read after the engine was asked: a dead extractor writes no more, so its last record is found here.
                reports = await in_own_thread(attempt_files.read_reports, layout, attempt.number)
                if reports.progress is not None:
                    self._reports.record_progress(job.id, reports.progress)
                if isinstance(seen, AttemptEnded):
                    return _concluded(attempt, run, reports, seen)
                if self._is_cancelling(job.id):
                    await self._cancel(run)
                elif reports.exit is not None:
                    await self._engine.await_end(run)
                await wakeup.wait(POLL_S)
        finally:
            del self._wakeups[job.id]
            self._reports.clear_progress(job.id)

    async def _cancel(self, run: AttemptRun) -> None:
        await self._lock.confirm()
        try:
            await self._engine.cancel(run)
        except EngineUnresponsive as failed:
            _log.warning("session not closed", extra=fields(session=run.session, why=failed))

    def _is_cancelling(self, job_id: str) -> bool:
        state = self._ledger.job(job_id).state
        return isinstance(state, Running) and state.stop_request is not None


async def _run(layout: OutputLayout, attempt: Attempt) -> AttemptRun:
    process = await in_own_thread(attempt_files.started_process, layout, attempt.number)
    return AttemptRun(attempt.session, attempt.number, layout, process)


def _concluded(attempt: Attempt, run: AttemptRun, reports: Reports, seen: AttemptEnded) -> Outcome:
    evidence = Evidence(
        was_started=run.process is not None, record=reports.exit, view=seen.view, progress=reports.progress
    )
    return conclude(attempt, evidence, read_clocks())
