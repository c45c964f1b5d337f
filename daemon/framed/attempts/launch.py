"""From a waiting job to an attempt with a running extractor, or to the outcome of an attempt that was not started.

Two steps, because the attempt must be in the database before anything is started: see `supervise`.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from typing import Final

from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.attempt_numbers import claim_number
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts import attempt_files
from framed.attempts.attempt_files import layout_of
from framed.attempts.live_extractors import OtherExtractors, left_alone
from framed.engines import AttemptRun, Engine, EngineRefused, EngineUnresponsive
from framed.host.clock import read_clocks
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Attempt, Ending, Job, Outcome
from framed.settings.live_settings import LiveSettings
from framed.settings.mount_guard import why_not_mounted
from framed.settings.places import Places
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)


class Launcher:
    """Prepares attempts and starts their extractors."""

    def __init__(
        self,
        engine: Engine,
        settings: LiveSettings,
        lock: LockWatch,
        others: OtherExtractors,
        *,
        places: Places,
        extractor: Sequence[str],
    ) -> None:
        """`extractor`: the command to which the path of a specification is added."""
        self._engine = engine
        self._settings = settings
        self._lock = lock
        self._others = others
        self._places = places
        self._extractor = tuple(extractor)

    async def prepare(self, job: Job, workers: int) -> tuple[Attempt, Outcome | None]:
        """The job's next attempt with its claimed number, and its outcome if it cannot be started."""
        layout = layout_of(job)
        failure: Outcome | None = None
        host: ProcessIdentity | None = None
        last = job.last_attempt
        number = last.number + 1 if last is not None else 1
        try:
            if (other := await self._others.make_way(job, layout)) is not None:
                failure, number = left_alone(other, layout), max(number, other.run.number + 1)
            elif why := await in_own_thread(why_not_mounted, layout.frames_dir, self._places):
                failure = _not_started(why)
            else:
                number = await in_own_thread(claim_number, layout)
            host = await self._engine.prepare()
        except OSError as failed:
            failure = _cannot_write(failed, layout)
        except (EngineRefused, EngineUnresponsive) as failed:
            failure = _not_started(str(failed))
        now = read_clocks()
        attempt = Attempt(
            number=number,
            ordinal=job.failures + 1,
            workers=workers,
            session=self._engine.session_name(job.project),
            host=host,
            boot_id=now.boot_id,
            started_at=now.utc,
        )
        return attempt, failure

    async def start(self, job: Job, attempt: Attempt) -> Outcome | None:
        """None when the extractor was started, or may have been."""
        budget = self._settings.now.budget
        spec = AttemptSpec(
            project=job.project,
            job_id=job.id,
            attempt=attempt.number,
            films=tuple(film.path for film in job.films),
            films_dir=str(self._places.films_dir(job.project)),
            frames_dir=job.options.frames_dir,
            settings=job.options.extraction,
            workers=attempt.workers,
            force=job.force,
            restore=job.restore,
            log_path=job.log_path,
            nice=budget.nice,
            io_class=budget.io_class,
        )
        try:
            await in_own_thread(attempt_files.write_spec, spec)
            await self._lock.confirm()
            await self._engine.start(AttemptRun(attempt.session, attempt.number, spec.layout, None), self._extractor)
        except OSError as failed:
            return _cannot_write(failed, spec.layout)
        except EngineRefused as failed:
            return _not_started(str(failed))
        except EngineUnresponsive as failed:
            _log.warning("launch not confirmed", extra=fields(job_id=job.id, why=failed))
        return None


def _not_started(reason: str) -> Outcome:
    return Outcome(ending=Ending.NOT_STARTED, reason=reason, ended_at=read_clocks().utc)


def _cannot_write(failed: OSError, layout: OutputLayout) -> Outcome:
    code = {
        errno.ENOSPC: ExitCode.DISK_FULL,
        errno.EDQUOT: ExitCode.DISK_FULL,
        errno.EACCES: ExitCode.NOT_PERMITTED,
        errno.EPERM: ExitCode.NOT_PERMITTED,
        errno.EROFS: ExitCode.NOT_PERMITTED,
    }.get(failed.errno or 0, ExitCode.OUTPUT_NOT_MADE)
    reason = f"{failed.filename or layout.control}: {failed.strerror}"
    return Outcome(ending=Ending.NOT_STARTED, code=code, reason=reason, ended_at=read_clocks().utc)
