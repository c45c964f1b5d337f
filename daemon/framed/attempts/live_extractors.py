"""The extractors that live in an output folder before an attempt begins there: this daemon's own, which are ended, and
those of another daemon, which are left alone.

The other one was here before somebody took its state folder away, and ends as soon as it notices; its films go on.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Final

import anyio

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts import attempt_files
from framed.attempts.attempt_files import LiveExtractor
from framed.host.clock import read_clocks
from framed.host.liveness import kill_tree, terminate, until_gone
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Ending, Job, Outcome
from framed.state.ledger import Ledger
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

GRACE_S: Final = 5.0
"""Between asking an extractor to end and killing it."""
_DISK_PATIENCE_S: Final = 2.0


class OtherExtractors:
    """Tells the extractors of this daemon's jobs from those of another daemon's."""

    def __init__(self, ledger: Ledger, lock: LockWatch) -> None:
        self._ledger = ledger
        self._lock = lock

    async def make_way(self, job: Job, layout: OutputLayout) -> LiveExtractor | None:
        """No extractor that this daemon has started is at work in the folder: one that was given up, and began late,
        has been ended. Returns one that another daemon has started, if there is.

        Then not even an attempt's number may be claimed: that would end it. Raises OSError, StoreUnavailable.
        """
        for found in await in_own_thread(attempt_files.live_extractors, layout):
            who = fields(project=job.project, job_id=found.job_id, attempt=found.attempt, pid=found.process.pid)
            if not await self._ledger.knows(found.job_id):
                _log.warning("extractor of another daemon left alone", extra=who)
                return found
            await self._lock.confirm()
            _log.warning("extractor superseded", extra=who)
            await in_own_thread(terminate, found.process)
            await await_end(found.process)
        return None

    async def are_there(self, layout: OutputLayout) -> bool:
        """Whether an extractor of another daemon may be at work in the folder: there is one, or nobody can tell."""
        with anyio.move_on_after(_DISK_PATIENCE_S), contextlib.suppress(StoreUnavailable):
            for found in await in_own_thread(attempt_files.live_extractors, layout):
                if not await self._ledger.knows(found.job_id):
                    return True
            return False
        return True


def left_alone(other: LiveExtractor, layout: OutputLayout) -> Outcome:
    """How an attempt ended that was not begun because of `other`: tried again, and not counted."""
    reason = (
        f"an extractor that another daemon has started is at work in {layout.folder} (pid {other.process.pid}, "
        f"attempt {other.attempt}); it is left alone, and waited for"
    )
    return Outcome(ending=Ending.NOT_STARTED, code=ExitCode.SUPERSEDED, reason=reason, ended_at=read_clocks().utc)


async def await_end(process: ProcessIdentity) -> None:
    """The process, which is about to end, is dead; if need be it is killed after the grace time."""
    with anyio.move_on_after(GRACE_S):
        await until_gone(process)
        return
    _log.warning("extractor killed", extra=fields(pid=process.pid))
    await in_own_thread(kill_tree, process)
