"""The status of a project by its latest job: how far it is, and why. Touches no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from framed.attempts.dispatch import Dispatcher
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.control.extracted import Extracted
from framed.model.job import (
    Cancel,
    Cancelled,
    Complete,
    Ending,
    Failed,
    Job,
    JobState,
    Moment,
    Outcome,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
)
from framed.model.job_reasons import attempt_ended, last_attempt_ended, pause_of_waiting
from framed.model.reasons import (
    Cancelling,
    FilmsFailed,
    FilmTimeLost,
    ImagesMissing,
    JobCancelled,
    Paused,
    PausePhase,
    Reason,
    Replacing,
    Requeued,
    ResultsMissing,
    Starting,
    Suspension,
)
from framed.policy.admission import Ignored
from framed.policy.schedule import Decision
from framed.protocol.messages import ProjectState, ProjectStatus
from framed.protocol.queries import FilmInWork
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogProject
from framed.watching.film_statuses import FilmStatuses


class JobStatus:
    """Reads what the other parts hold; changes nothing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        film_statuses: FilmStatuses,
        dispatcher: Dispatcher,
        reports: AttemptReports,
        stalls: StallDetector,
        extracted: Extracted,
    ) -> None:
        self._ledger = ledger
        self._film_statuses = film_statuses
        self._dispatcher = dispatcher
        self._reports = reports
        self._stalls = stalls
        self._extracted = extracted

    def of(
        self, job: Job, project: CatalogProject | None, now: Moment, decision: Decision
    ) -> tuple[ProjectStatus, Sequence[Reason]]:
        """The status, without reasons, and its reasons. `project` is None when its folder is gone."""
        last = job.last_attempt
        progress = self._reports.progress_of(job.id)
        outcome = last.outcome if last is not None else None
        fraction, frames = _got_to(job)
        waits_for = decision.waiting.get(job.id)
        state, elapsed_s = _JOB_STATES[type(job.state)], None
        reasons: Sequence[Reason]
        match job.state:
            case Queued():
                requeued = _requeued(job, job.state)
                reasons = _present(waits_for, requeued) or (Starting(),)
            case Retrying():
                reasons = _present(waits_for)
            case Running():
                reasons = _present(
                    _ending_of(job.state) or self._stalls.stalled(job.id) or (waits_for if progress else Starting())
                )
                elapsed_s = progress.elapsed_s if progress else None
                if progress:
                    fraction, frames = progress.fraction, progress.images
            case Complete(outcome=done):
                fraction, elapsed_s = 1.0, done.wall_s
                frames = self._extracted.total_images(job.project, project, otherwise=done.images)
                if self._extracted.are_results_gone(job, project):
                    frames = 0
                reasons = self._reasons_of_complete(job, project)
            case Failed(outcome=bad):
                elapsed_s = bad.wall_s
                reasons = self._reasons_of_failed(job, bad, project)
            case Cancelled(outcome=ended):
                cancelled = self._cancelled(job, job.state, project, now)
                state = ProjectState.COMPLETE if cancelled.is_extracted else ProjectState.CANCELLED
                reasons = (cancelled,)
                elapsed_s = ended.wall_s if ended else None
        if (pause := self._pause(job, decision.suspended.get(job.id))) is not None:
            state, reasons = ProjectState.PAUSED, (pause,)
        if isinstance(job.state, Failed | Cancelled):
            total = self._extracted.total_images(job.project, project, otherwise=0)
            is_complete = state is ProjectState.COMPLETE
            fraction = 1.0 if is_complete else self._extracted.done_fraction(job, project)
            frames = total if is_complete else max(frames, total)
        status = ProjectStatus(
            name=job.project,
            state=state,
            paused=job.paused and not job.is_over,
            job_id=job.id,
            job_state=_JOB_STATES[type(job.state)],
            attempt=last.ordinal if last else 0,
            max_attempts=job.options.retry + 1,
            progress=fraction,
            frames=frames,
            films=len(project.films) if project else len(job.films),
            # Its slots are released a moment after its last attempt has ended.
            workers=0 if job.is_over else self._dispatcher.slots_of(job.id),
            stage=progress.stage.value if progress else "",
            elapsed_s=elapsed_s,
            eta_s=progress.eta_s if progress else None,
            realtime_factor=progress.realtime_factor if progress else None,
            session=last.session if last and state in _WITH_SESSION and last.boot_id == now.boot_id else None,
            log=job.log_path if last else None,
            last_lines=outcome.last_lines if outcome and state in _WITH_LAST_LINES else (),
            output_dir=job.options.frames_dir,
        )
        return status, reasons

    def in_work(self, name: str) -> FilmInWork | None:
        """The film that the project's extractor is working on, from its last progress."""
        job = self._ledger.latest(name)
        reported = self._reports.progress_of(job.id) if job is not None and isinstance(job.state, Running) else None
        if reported is None:
            return None
        return FilmInWork(
            name=reported.film,
            number=reported.film_number,
            n_films=reported.n_films,
            shots=reported.shots,
            last_shots=reported.last_shots,
        )

    def _reasons_of_complete(self, job: Job, project: CatalogProject | None) -> Sequence[Reason]:
        failed = self._extracted.failed_films(job.project, project)
        gone = self._extracted.gone_films(job.project, project)
        newest = self._extracted.results(job.project, project)
        missing: Reason | None = ImagesMissing(films=tuple(gone)) if gone else None
        if self._extracted.are_results_gone(job, project):
            missing = ResultsMissing(is_cleaned=self._extracted.are_cleaned(job.project, project))
        return _present(
            FilmsFailed(films=tuple(failed)) if failed else None,
            missing,
            FilmTimeLost(lost_s=newest.lost_s) if newest and newest.lost_s else None,
        )

    def _reasons_of_failed(self, job: Job, outcome: Outcome, project: CatalogProject | None) -> Sequence[Reason]:
        """How the last attempt ended; and the films that failed, unless that names the only one."""
        failed = self._extracted.failed_films(job.project, project)
        is_named = len(failed) == 1 and outcome.ending is Ending.EXITED and outcome.code in _NAMES_ITS_FILM
        if not failed or is_named or project is None or len(project.films) == 1:
            return (attempt_ended(outcome),)
        return (attempt_ended(outcome), FilmsFailed(films=tuple(failed)))

    def _cancelled(self, job: Job, cancelled: Cancelled, project: CatalogProject | None, now: Moment) -> JobCancelled:
        name, outcome = job.project, cancelled.outcome
        message = outcome.reason if outcome is not None and not cancelled.asked else None
        reason = JobCancelled(on_request=cancelled.asked, message=message)
        if self._extracted.are_results_gone(job, project):
            return reason
        statuses = self._film_statuses.statuses_of(name, project, now.monotonic_s) if project is not None else ()
        films = [film.fingerprint for film, each in statuses if not isinstance(each, Ignored)]
        return msgspec.structs.replace(reason, is_extracted=self._extracted.are_all(name, project, films))

    def _pause(self, job: Job, suspension: Suspension | None) -> Paused | Suspension | None:
        """How far the user's pause has come, else why framed has suspended the job."""
        if job.is_over or (isinstance(job.state, Running) and job.state.stop_request is not None):
            return None
        if not job.paused:
            return suspension
        if not isinstance(job.state, Running):
            return pause_of_waiting(job)
        slots = self._dispatcher.slots_of(job.id)
        return Paused(phase=PausePhase.WORKERS_STOPPING if slots else PausePhase.SLOTS_RELEASED, workers=slots)


def _present(*reasons: Reason | None) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if reason is not None)


def _requeued(job: Job, queued: Queued) -> Requeued | None:
    """None for a job that was submitted again since its last attempt, or never had one."""
    ended = last_attempt_ended(job)
    return Requeued(after=ended) if queued.is_requeued and ended is not None else None


def _ending_of(running: Running) -> Cancelling | Replacing | None:
    match running.stop_request:
        case Cancel():
            return Cancelling()
        case ReplaceBy():
            return Replacing()
        case None:
            return None


def _got_to(job: Job) -> tuple[float, int]:
    """The progress of the last ended attempt that had opened its films: fraction and images."""
    for attempt in reversed(job.attempts):
        if attempt.outcome is not None and attempt.outcome.film_left_s is not None:
            return attempt.outcome.fraction, attempt.outcome.images
    return 0.0, 0


_JOB_STATES: Mapping[type[JobState], ProjectState] = {
    Queued: ProjectState.QUEUED,
    Running: ProjectState.RUNNING,
    Retrying: ProjectState.RETRYING,
    Complete: ProjectState.COMPLETE,
    Failed: ProjectState.FAILED,
    Cancelled: ProjectState.CANCELLED,
}
_NAMES_ITS_FILM = frozenset({ExitCode.NOT_A_FILM, ExitCode.TOO_MUCH_FAILED})
"""With these exit codes the message of an attempt names the film."""
_WITH_LAST_LINES = frozenset({ProjectState.RETRYING, ProjectState.FAILED})
_WITH_SESSION = frozenset({ProjectState.RUNNING, ProjectState.RETRYING, ProjectState.PAUSED, ProjectState.FAILED})
