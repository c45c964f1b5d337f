"""A running attempt, observed until it has ended: its progress is reported, and it is ended when its job is cancelled.

The extractor's files and its process are the truth; the engine is asked only where they cannot know. What the evidence
means, `policy.ending` decides.
"""

from __future__ import annotations

import logging
import time
from typing import Final

import anyio

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts import attempt_files
from framed.attempts.attempt_files import Observation, layout_of
from framed.attempts.live_extractors import await_end
from framed.attempts.reports import AttemptReports
from framed.engines import Engine, EngineUnresponsive
from framed.host.clock import read_clocks
from framed.host.liveness import is_locked, terminate
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Attempt, Job, Outcome, Running
from framed.policy.ending import Evidence, SessionView, conclude
from framed.state.ledger import Ledger
from framed.threads import in_own_thread
from framed.wakeup import Wakeup

_log: Final = logging.getLogger(__name__)

POLL_S: Final = 0.5
_LOCK_PATIENCE_S: Final = 2.0
_EXIT_CODE_PATIENCE_S: Final = 2.0


class Observer:
    """Observes every running attempt; the evidence of its end becomes its outcome."""

    def __init__(self, ledger: Ledger, engine: Engine, lock: LockWatch, reports: AttemptReports) -> None:
        self._ledger = ledger
        self._engine = engine
        self._lock = lock
        self._reports = reports
        self._wakeups: dict[str, Wakeup] = {}

    def wake(self, job_id: str) -> None:
        """The job was changed from outside; its attempt is observed at once."""
        if wakeup := self._wakeups.get(job_id):
            wakeup.set()

    async def until_end(self, job: Job, attempt: Attempt) -> Outcome:
        """How the attempt, which this daemon has started, ended, once it has."""
        layout = layout_of(job)
        wakeup = self._wakeups[job.id] = Wakeup()
        try:
            while True:
                seen = await _observe(layout, attempt)
                if seen.progress is not None:
                    self._reports.record_progress(job.id, seen.progress)
                if seen.process is None:
                    view = await self._view(attempt)
                    if view is not None and not (view.runs(attempt) and view.pid is not None):
                        # It may have begun, and even ended, since its files were read.
                        seen = await _observe(layout, attempt)
                        if not seen.is_alive:
                            return _concluded(attempt, seen, view)
                elif not seen.is_alive:
                    return _concluded(attempt, seen, await self._last_view(attempt))
                if self._is_cancelling(job.id):
                    await self._end(attempt, seen.process)
                elif seen.exit is not None and seen.process is not None:
                    await await_end(seen.process)
                await wakeup.wait(POLL_S)
        finally:
            del self._wakeups[job.id]
            self._reports.clear_progress(job.id)

    async def until_end_of_adopted(self, job: Job, attempt: Attempt) -> Outcome:
        """How the attempt, which an earlier daemon has started, ended, once it has."""
        layout = layout_of(job)
        seen = await _observe(layout, attempt)
        if seen.is_alive and not await in_own_thread(_holds_lock, layout):
            # The process that the record names is no extractor at work in this folder.
            return _concluded(attempt, seen, await self._view(attempt))
        return await self.until_end(job, attempt)

    async def _end(self, attempt: Attempt, process: ProcessIdentity | None) -> None:
        """The extractor was asked to end, and is dead after the grace time at the latest."""
        await self._lock.confirm()
        if process is not None:
            await in_own_thread(terminate, process)
            await await_end(process)
            return
        try:
            await self._engine.close(attempt.session)
        except EngineUnresponsive as failed:
            _log.warning("session not closed", extra=fields(session=attempt.session, why=failed))

    def _is_cancelling(self, job_id: str) -> bool:
        state = self._ledger.job(job_id).state
        return isinstance(state, Running) and state.stop_request is not None

    async def _view(self, attempt: Attempt) -> SessionView | None:
        """None when the engine does not answer."""
        try:
            return await self._engine.inspect(attempt.session)
        except EngineUnresponsive:
            return None

    async def _last_view(self, attempt: Attempt) -> SessionView | None:
        """What the engine answers after the process has died, once it knows its exit code.

        tmux takes a pane for dead when its terminal closes, and learns the exit code a moment later.
        """
        with anyio.move_on_after(_EXIT_CODE_PATIENCE_S):
            while True:
                view = await self._view(attempt)
                if view is None or view.code is not None or not view.runs(attempt):
                    return view
                await anyio.sleep(0.05)
        return await self._view(attempt)


async def _observe(layout: OutputLayout, attempt: Attempt) -> Observation:
    return await in_own_thread(attempt_files.observe, layout, attempt.number)


def _holds_lock(layout: OutputLayout) -> bool:
    """Whether an extractor is at work in the folder; one that has just begun is given a moment to lock it. Blocking."""
    until_s = time.monotonic() + _LOCK_PATIENCE_S
    while not is_locked(layout.lock):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def _concluded(attempt: Attempt, seen: Observation, view: SessionView | None) -> Outcome:
    evidence = Evidence(was_started=seen.process is not None, record=seen.exit, view=view, progress=seen.progress)
    return conclude(attempt, evidence, read_clocks())
