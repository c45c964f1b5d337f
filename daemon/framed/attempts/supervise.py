"""One attempt from launch to outcome: the order of its steps, and the lock for its project's session.

`launch` starts it, `observe` waits for its end, and this module records both. Policy decides what an outcome means.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
import msgspec

from framed.attempts import attempt_files
from framed.attempts.attempt_files import layout_of
from framed.attempts.launch import Launcher
from framed.attempts.live_extractors import OtherExtractors
from framed.attempts.notes import log_not_started, note_completion
from framed.attempts.observe import Observer
from framed.attempts.reports import AttemptReports
from framed.engines import Engine, EngineUnresponsive
from framed.lock_watch import LockWatch
from framed.log import fields
from framed.model.job import Cancelled, Complete, Ending, Job, JobFilm, Outcome, Running, Verdict
from framed.policy.lifecycle import Ended, IllegalEvent, Started
from framed.policy.retry import Consequence, Done, RetryAfter, consequence_of, verdict_of
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.threads import in_own_thread
from framed.watching.scan import ResultsSummary, read_results

_log: Final = logging.getLogger(__name__)

EXTRACTOR: Final = (sys.executable, "-m", "frame_extractor", "run")
"""The extractor's command; the path of a specification follows."""


class Supervisor:
    """Starts attempts, observes them, and records how they ended."""

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        settings: LiveSettings,
        lock: LockWatch,
        reports: AttemptReports,
        *,
        places: Places,
        extractor: Sequence[str] = EXTRACTOR,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._settings = settings
        self._lock = lock
        self._reports = reports
        self._places = places
        self._others = OtherExtractors(ledger, engine, lock)
        self._launcher = Launcher(engine, settings, lock, self._others, places=places, extractor=extractor)
        self._observer = Observer(ledger, engine, lock, reports)
        self._locks: dict[str, anyio.Lock] = {}

    def wake(self, job_id: str) -> None:
        """The job has changed; its attempt is checked at once."""
        self._observer.wake(job_id)

    async def run(self, job_id: str, films: tuple[JobFilm, ...], workers: int) -> None:
        """Runs a new attempt of a waiting job, from launch to the job's next state."""
        async with self._session_of(self._ledger.job(job_id).project):
            await self._run(job_id, films, workers)

    async def resume(self, job_id: str) -> None:
        """Supervises a running attempt that an earlier daemon started, until the job's next state."""
        async with self._session_of(self._ledger.job(job_id).project):
            job = self._ledger.job(job_id)
            assert isinstance(job.state, Running)
            await self._record(job_id, await self._observer.until_end(job, job.state.attempt, is_adopted=True))

    async def close_session(self, project: str, *, failed_too: bool = False) -> None:
        """Closes the project's session if its last job is complete or cancelled, and no attempt is starting or running.

        The session of a failed job is kept, so that it can be read, unless `failed_too`.
        """
        lock = self._session_of(project)
        if lock.locked():
            return
        async with lock:
            job = self._ledger.latest(project)
            if job is None or not job.is_over:
                return
            if failed_too or isinstance(job.state, Complete | Cancelled):
                await self._close_session_of(job)

    async def clear_temp(self, job: Job) -> None:
        """Deletes what killed attempts of a job that is over have left."""
        await in_own_thread(attempt_files.clear_temp, layout_of(job))

    async def close_leftover_sessions(self) -> None:
        """Closes sessions that a daemon left open because it died just after a job had ended."""
        with contextlib.suppress(EngineUnresponsive):
            found = await self._engine.sessions()
            for project in list(self._ledger.projects()):
                if self._engine.session_name(project) in found:
                    await self.close_session(project)

    async def _run(self, job_id: str, films: tuple[JobFilm, ...], workers: int) -> None:
        job = self._ledger.job(job_id)
        attempt, outcome = await self._launcher.prepare(job, workers)
        # Recorded before anything is started: if the daemon dies here, the next one finds out how the attempt ended.
        try:
            job = await self._ledger.record(job_id, Started(attempt=attempt, films=films))
        except IllegalEvent:
            # Cancelled during preparation. The cancel could not close the session of the previous attempt.
            await self.clear_temp(job)
            await self._close_session_of(job)
            return
        if outcome is None:
            outcome = await self._launcher.start(job, attempt)
        if outcome is None:
            outcome = await self._observer.until_end(job, attempt)
        await self._record(job_id, outcome)

    async def _record(self, job_id: str, outcome: Outcome) -> None:
        job = self._ledger.job(job_id)
        consequence = consequence_of(job, outcome, self._settings.now.retry, random.uniform(-1, 1))  # noqa: S311 -- spreads waits, no secret
        results = await in_own_thread(read_results, Path(job.options.frames_dir))
        if results is not None:
            self._reports.record_results(job.project, results)
            if isinstance(consequence, Done):
                outcome = msgspec.structs.replace(outcome, images=results.total_frames)
        verdicts = _verdicts(job, consequence, results)
        if outcome.ending is Ending.NOT_STARTED:
            await in_own_thread(log_not_started, job, outcome)
        if not isinstance(consequence, Done):
            lines = await in_own_thread(attempt_files.last_lines, Path(job.log_path))
            outcome = msgspec.structs.replace(outcome, last_lines=lines)
        if not isinstance(consequence, RetryAfter):
            await self.clear_temp(job)
        job = await self._ledger.record(job_id, Ended(outcome=outcome, consequence=consequence), verdicts)
        self._reports.record_end(consequence)
        if isinstance(job.state, Complete):
            await in_own_thread(note_completion, self._places.completion_log, job, outcome)
        if isinstance(job.state, Complete | Cancelled):
            await self._close_session_of(job)

    async def _close_session_of(self, job: Job) -> None:
        session = self._engine.session_name(job.project)
        if await self._others.are_there(layout_of(job)):
            _log.warning("session left open", extra=fields(project=job.project, session=session))
            return
        await self._lock.confirm()
        try:
            await self._engine.close(session)
        except EngineUnresponsive as failed:
            _log.warning("session not closed", extra=fields(session=session, why=failed))

    def _session_of(self, project: str) -> anyio.Lock:
        """The lock for starting, observing or closing the project's session: a job that has just ended must not close
        the session in which the next one already runs.
        """
        return self._locks.setdefault(project, anyio.Lock())


def _verdicts(job: Job, consequence: Consequence, results: ResultsSummary | None) -> Mapping[str, Verdict]:
    """The verdict on each film of a job that is over; none while the job continues."""
    verdict = verdict_of(consequence)
    if verdict is None:
        return {}
    if results is None:
        return {film.fingerprint: verdict for film in job.films}
    # A film may have been replaced between the scan and its extraction: it is decided as what was extracted.
    own = {fingerprint for fingerprint, job_id in results.made_by.items() if job_id == job.id}
    fingerprints = own | {film.fingerprint for film in job.films}
    return {each: Verdict.COMPLETE if each in results.complete else verdict for each in fingerprints}
