"""Extractors that are alive in an output folder before an attempt begins there. Those of this daemon are ended; those
of another daemon are left alone.

There is another daemon when the state folder of a running one was removed: it ends as soon as it notices, and its
extractors continue.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Final

import anyio

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts import attempt_files
from framed.engines import AttemptRun, Engine
from framed.host.clock import read_clocks
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Ending, Job, Outcome
from framed.state.ledger import Ledger
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

_DISK_PATIENCE_S: Final = 2.0


@dataclass(frozen=True)
class LiveExtractor:
    """An extractor that is alive and works on the attempt that its record names."""

    run: AttemptRun
    process: ProcessIdentity
    job_id: str


class OtherExtractors:
    """Distinguishes the extractors of this daemon's jobs from those of another daemon."""

    def __init__(self, ledger: Ledger, engine: Engine, lock: LockWatch) -> None:
        self._ledger = ledger
        self._engine = engine
        self._lock = lock

    async def make_way(self, job: Job, layout: OutputLayout) -> LiveExtractor | None:
        """Ends extractors of this daemon in the folder: they were given up, and began late. Returns an extractor of
        another daemon, if there is one.

        In that case not even an attempt number may be claimed: that would end it. Raises OSError, StoreUnavailable.
        """
        for found in await self._live_in(layout):
            who = fields(project=job.project, job_id=found.job_id, attempt=found.run.number, pid=found.process.pid)
            if not await self._ledger.knows(found.job_id):
                _log.warning("extractor of another daemon left alone", extra=who)
                return found
            await self._lock.confirm()
            _log.warning("extractor superseded", extra=who)
            await self._engine.cancel(found.run)
        return None

    async def are_there(self, layout: OutputLayout) -> bool:
        """Whether an extractor of another daemon may be at work in the folder: there is one, or this is not known."""
        with anyio.move_on_after(_DISK_PATIENCE_S), contextlib.suppress(StoreUnavailable):
            for found in await self._live_in(layout):
                if not await self._ledger.knows(found.job_id):
                    return True
            return False
        return True

    async def _live_in(self, layout: OutputLayout) -> list[LiveExtractor]:
        """The extractors that are alive in this folder, of any daemon. A process that a record names is left out if it
        is not an extractor of that attempt.
        """
        left = {}
        for past in await in_own_thread(attempt_files.past_attempts, layout):
            if past.started is not None and past.exit is None:
                session = self._engine.session_name(past.spec.project)
                left[AttemptRun(session, past.spec.attempt, layout, past.started.process)] = past.started
        return [LiveExtractor(run, left[run].process, left[run].job_id) for run in await self._engine.find_live(left)]


def left_alone(other: LiveExtractor, layout: OutputLayout) -> Outcome:
    """The outcome of an attempt that was not started because of `other`: it is retried, and not counted."""
    reason = (
        f"an extractor of another daemon is at work in {layout.folder} (pid {other.process.pid}, "
        f"attempt {other.run.number}); waiting until it ends"
    )
    return Outcome(ending=Ending.NOT_STARTED, code=ExitCode.SUPERSEDED, reason=reason, ended_at=read_clocks().utc)
