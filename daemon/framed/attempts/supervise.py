"""One attempt from launch to outcome.

The extractor's files and its process are the truth; the engine is asked only where they cannot know. Nothing here
decides what an outcome means: that is policy's.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
import msgspec

from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts import attempt_files
from framed.attempts.attempt_files import Observation
from framed.attempts.live_extractors import OtherExtractors, await_end, left_alone
from framed.attempts.reports import AttemptReports
from framed.engines import Engine, EngineRefused, EngineUnresponsive
from framed.host.clock import read_clocks
from framed.host.liveness import is_locked, terminate
from framed.lock_watch import LockWatch
from framed.log import fields, shown
from framed.model.job import (
    Attempt,
    Cancelled,
    Complete,
    Ending,
    Job,
    JobFilm,
    Outcome,
    Running,
    Verdict,
)
from framed.policy.ending import Evidence, SessionView, conclude
from framed.policy.lifecycle import Ended, IllegalEvent, Started
from framed.policy.retry import Consequence, Done, RetryAfter, consequence_of, verdict_of
from framed.printable import printable
from framed.private_files import append_to
from framed.settings.live_settings import LiveSettings
from framed.settings.mount_guard import why_not_mounted
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.threads import in_own_thread
from framed.wakeup import Wakeup
from framed.watching.scan import ResultsSummary, read_results

_log: Final = logging.getLogger(__name__)

EXTRACTOR: Final = (sys.executable, "-m", "frame_extractor", "run")
"""The extractor's command; the path of a specification follows."""

POLL_S: Final = 0.5
_LOCK_PATIENCE_S: Final = 2.0
_NOTICING_S: Final = 2.0


class Supervisor:
    """Starts attempts, watches over them, and records how they ended."""

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
        self._neighbours = OtherExtractors(ledger, lock)
        self._places = places
        self._extractor = tuple(extractor)
        self._bells: dict[str, Wakeup] = {}
        self._locks: dict[str, anyio.Lock] = {}

    def wake(self, job_id: str) -> None:
        """The job was changed from outside; whoever watches over it looks at once."""
        if bell := self._bells.get(job_id):
            bell.set()

    async def run(self, job_id: str, films: tuple[JobFilm, ...], workers: int) -> None:
        """A new attempt of a waiting job, from launch to the job's next state."""
        async with self._session_of(self._ledger.job(job_id).project):
            await self._run(job_id, films, workers)

    async def resume(self, job_id: str) -> None:
        """A running attempt of an earlier daemon, from now to the job's next state."""
        async with self._session_of(self._ledger.job(job_id).project):
            await self._resume(job_id)

    async def close_session(self, project: str, *, failed_too: bool = False) -> None:
        """The project's session is gone if its last job is complete or cancelled and nobody is busy with it.

        That of a job that failed stays to be read, unless `failed_too`.
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
        """Nothing is left of the killed attempts of a job that is over."""
        await in_own_thread(attempt_files.clear_temp, OutputLayout(Path(job.options.frames_dir)))

    async def close_leftover_sessions(self) -> None:
        """Sessions that a daemon left behind because it died just after a job ended are gone."""
        with contextlib.suppress(EngineUnresponsive):
            found = await self._engine.sessions()
            for project in list(self._ledger.projects()):
                if self._engine.session_name(project) in found:
                    await self.close_session(project)

    async def _run(self, job_id: str, films: tuple[JobFilm, ...], workers: int) -> None:
        job = self._ledger.job(job_id)
        layout = OutputLayout(Path(job.options.frames_dir))
        trouble: Outcome | None = None
        host: ProcessIdentity | None = None
        last = job.last_attempt
        number = last.number + 1 if last is not None else 1
        try:
            if (other := await self._neighbours.make_way(job, layout)) is not None:
                trouble, number = left_alone(other, layout), max(number, other.attempt + 1)
            elif why := await in_own_thread(why_not_mounted, layout.frames_dir, self._places):
                trouble = _not_started(why)
            else:
                number = await in_own_thread(attempt_files.claim_number, layout)
            host = await self._engine.prepare()
        except OSError as failed:
            trouble = _cannot_write(failed, layout)
        except (EngineRefused, EngineUnresponsive) as failed:
            trouble = _not_started(str(failed))
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
        # On the disk before anything is started: a daemon that dies here finds out at its next start what came of it.
        try:
            job = await self._ledger.record(job_id, Started(attempt=attempt, films=films))
        except IllegalEvent:
            # Cancelled while this was being made ready.
            await self.clear_temp(job)
            return
        if trouble is None:
            trouble = await self._launch(job, attempt)
        outcome = trouble or await self._observe(job_id, attempt, layout)
        await self._record(job_id, outcome)

    async def _resume(self, job_id: str) -> None:
        job = self._ledger.job(job_id)
        assert isinstance(job.state, Running)
        layout = OutputLayout(Path(job.options.frames_dir))
        attempt = job.state.attempt
        sight = await _look(layout, attempt)
        if sight.is_alive and not await in_own_thread(_holds_lock, layout):
            # Whoever it is that the record names, it is no extractor at work in this folder.
            outcome = _concluded(attempt, sight, await self._view(attempt))
        else:
            outcome = await self._observe(job_id, attempt, layout)
        await self._record(job_id, outcome)

    async def _launch(self, job: Job, attempt: Attempt) -> Outcome | None:
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
            path = await in_own_thread(attempt_files.write_spec, spec)
            await self._lock.confirm()
            await self._engine.launch(attempt.session, [*self._extractor, str(path)])
        except OSError as failed:
            return _cannot_write(failed, spec.layout)
        except EngineRefused as failed:
            return _not_started(str(failed))
        except EngineUnresponsive as failed:
            _log.warning("launch not confirmed", extra=fields(job_id=job.id, why=failed))
        return None

    async def _observe(self, job_id: str, attempt: Attempt, layout: OutputLayout) -> Outcome:
        """How the attempt ended, once it has."""
        bell = self._bells[job_id] = Wakeup()
        try:
            while True:
                sight = await _look(layout, attempt)
                if sight.progress is not None:
                    self._reports.record_progress(job_id, sight.progress)
                if sight.process is None:
                    view = await self._view(attempt)
                    if view is not None and not (view.runs(attempt) and view.pid is not None):
                        # It may have begun, and even ended, since the files were looked at.
                        sight = await _look(layout, attempt)
                        if not sight.is_alive:
                            return _concluded(attempt, sight, view)
                elif not sight.is_alive:
                    return _concluded(attempt, sight, await self._last_view(attempt))
                if self._is_cancelling(job_id):
                    await self._end(attempt, sight.process)
                elif sight.exit is not None and sight.process is not None:
                    await await_end(sight.process)
                await bell.wait(POLL_S)
        finally:
            del self._bells[job_id]
            self._reports.clear_progress(job_id)

    async def _end(self, attempt: Attempt, process: ProcessIdentity | None) -> None:
        """The extractor was asked to end, and is dead after the grace time at the latest."""
        await self._lock.confirm()
        if process is None:
            await self._close(attempt.session)
        else:
            await in_own_thread(terminate, process)
            await await_end(process)

    def _is_cancelling(self, job_id: str) -> bool:
        state = self._ledger.job(job_id).state
        return isinstance(state, Running) and state.cancelling

    async def _view(self, attempt: Attempt) -> SessionView | None:
        """None when the engine does not answer."""
        try:
            return await self._engine.inspect(attempt.session)
        except EngineUnresponsive:
            return None

    async def _last_view(self, attempt: Attempt) -> SessionView | None:
        """What the engine says after the process has died, once it can say how.

        tmux takes a pane for dead when its terminal closes, and learns the exit code a moment later.
        """
        with anyio.move_on_after(_NOTICING_S):
            while True:
                view = await self._view(attempt)
                if view is None or view.code is not None or not view.runs(attempt):
                    return view
                await anyio.sleep(0.05)
        return await self._view(attempt)

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
            await in_own_thread(_log_for_the_extractor, job, outcome)
        if not isinstance(consequence, Done):
            lines = await in_own_thread(attempt_files.last_lines, Path(job.log_path))
            outcome = msgspec.structs.replace(outcome, last_lines=lines)
        if not isinstance(consequence, RetryAfter):
            await self.clear_temp(job)
        job = await self._ledger.record(job_id, Ended(outcome=outcome, consequence=consequence), verdicts)
        self._reports.record_end(consequence)
        if isinstance(job.state, Complete):
            await in_own_thread(_note_completion, self._places.completion_log, job, outcome)
        if isinstance(job.state, Complete | Cancelled):
            await self._close_session_of(job)

    async def _close_session_of(self, job: Job) -> None:
        session = self._engine.session_name(job.project)
        if await self._neighbours.are_there(OutputLayout(Path(job.options.frames_dir))):
            _log.warning("session left open", extra=fields(project=job.project, session=session))
        else:
            await self._close(session)

    async def _close(self, session: str) -> None:
        await self._lock.confirm()
        try:
            await self._engine.close(session)
        except EngineUnresponsive as failed:
            _log.warning("session not closed", extra=fields(session=session, why=failed))

    def _session_of(self, project: str) -> anyio.Lock:
        """Held by whoever starts, watches or closes the project's session: a job that has just ended must not close
        the session in which the next one already runs.
        """
        return self._locks.setdefault(project, anyio.Lock())


async def _look(layout: OutputLayout, attempt: Attempt) -> Observation:
    return await in_own_thread(attempt_files.observe, layout, attempt.number)


def _holds_lock(layout: OutputLayout) -> bool:
    """Whether somebody works in the folder; one that has just begun is given a moment to lock it. Blocking."""
    until_s = time.monotonic() + _LOCK_PATIENCE_S
    while not is_locked(layout.lock):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def _concluded(attempt: Attempt, sight: Observation, view: SessionView | None) -> Outcome:
    evidence = Evidence(was_started=sight.process is not None, record=sight.exit, view=view, progress=sight.progress)
    return conclude(attempt, evidence, read_clocks())


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


def _verdicts(job: Job, consequence: Consequence, results: ResultsSummary | None) -> Mapping[str, Verdict]:
    """What became of each film of a job that is over; nothing of one that goes on."""
    rest = verdict_of(consequence)
    if rest is None:
        return {}
    if results is None:
        return {film.fingerprint: rest for film in job.films}
    # A film may have been replaced between the scan and its extraction: it is decided as what was extracted.
    own = {mark for mark, job_id in results.made_by.items() if job_id == job.id}
    marks = own | {film.fingerprint for film in job.films}
    return {mark: Verdict.COMPLETE if mark in results.complete else rest for mark in marks}


def _log_for_the_extractor(job: Job, outcome: Outcome) -> None:
    """The log that status names is there, though there was no extractor to write it."""
    at = outcome.ended_at.astimezone().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    number = job.last_attempt.number if job.last_attempt is not None else 0
    why = printable(" ".join(outcome.summary.split()))
    try:
        Path(job.log_path).parent.mkdir(parents=True, exist_ok=True)
        append_to(job.log_path, f"{at} ERROR attempt {number} was not started: {why}\n")
    except OSError as failed:
        _log.warning("log not written", extra=fields(project=job.project, file=job.log_path, why=failed.strerror))


def _note_completion(log: Path, job: Job, outcome: Outcome) -> None:
    at = outcome.ended_at.astimezone().isoformat(sep=" ", timespec="seconds")
    images = "1 image" if outcome.images == 1 else f"{outcome.images} images"
    where = printable(job.options.frames_dir)
    line = f"{at} {shown(job.project)}: COMPLETE, {images} in {where} after {outcome.wall_s:.0f} s\n"
    try:
        append_to(log, line)
    except OSError as failed:
        _log.warning("completion not noted", extra=fields(project=job.project, file=log, why=failed.strerror))
