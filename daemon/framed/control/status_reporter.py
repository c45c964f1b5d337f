"""The answer to `status`: what is in memory, put together in a moment. Touches no disk.

Why something is as it is comes as `model.reasons`; its text is made of them last, in `_with_reasons`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.settings import ExtractionSettings
from framed.attempts.dispatch import Dispatcher
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.control.extracted import Extracted
from framed.control.notices import notices
from framed.fault_log import FaultLog
from framed.host.clock import read_clocks
from framed.host.machine import Machine
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
    Verdict,
)
from framed.model.reasons import (
    NOTHING_SKIPPED,
    Cancelling,
    FilmsFailed,
    FilmsIgnored,
    FilmsReplaced,
    FilmTimeLost,
    ImagesMissing,
    JobCancelled,
    NoFilms,
    Paused,
    PausePhase,
    Reason,
    Replacing,
    Requeued,
    ResultsMissing,
    SettingIneffective,
    Starting,
    Suspension,
    attempt_ended,
    last_attempt_ended,
    pause_of_waiting,
)
from framed.policy.admission import Changing, Decided, FilmStatus, Ignored, Ready, Unprobed, Unreadable
from framed.policy.schedule import Decision
from framed.protocol.messages import ProjectState, ProjectStatus, SlotsStatus, StatusReply
from framed.protocol.queries import FilmFacts, FilmInWork, FilmState, ProjectFacts, ProjectsReply
from framed.reason_text import because_text, reasons_text, skipped_lines, unreadable_text
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.film_statuses import FilmStatuses, settling_reasons, unreadable_film
from framed.watching.scan import FilmImages, ResultsSummary
from framed.watching.watch import Watcher


class StatusReporter:
    """Reads what the other parts hold; changes nothing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        watcher: Watcher,
        film_statuses: FilmStatuses,
        dispatcher: Dispatcher,
        reports: AttemptReports,
        stalls: StallDetector,
        machine: Machine,
        settings: LiveSettings,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._dispatcher = dispatcher
        self._reports = reports
        self._stalls = stalls
        self._machine = machine
        self._extracted = Extracted(ledger=ledger, watcher=watcher, reports=reports)
        self._faults = FaultLog("tell its state")

    def project_names(self) -> frozenset[str]:
        """Every project that there is or was."""
        return frozenset(self._watcher.catalog.projects) | frozenset(self._ledger.projects())

    def status(self, projects: Iterable[str]) -> StatusReply:
        """The state of these projects, in this order, and of the machine."""
        now = read_clocks()
        slots = self._dispatcher.pool.statistics()
        decision = self._dispatcher.decision_now()
        return StatusReply(
            machine=self._machine.status,
            slots=SlotsStatus(
                used=slots.used,
                total=slots.total,
                running_projects=self._dispatcher.n_running,
                max_active=self._dispatcher.budget.max_active,
            ),
            draining=self._ledger.is_draining,
            notices=tuple(notices(self._watcher, self._settings, self._ledger)),
            projects=tuple(self._contained(name, now, decision) for name in projects),
        )

    def project(self, name: str) -> ProjectStatus:
        """The state of this one."""
        return self.status((name,)).projects[0]

    def projects(self, raw_videos: str) -> ProjectsReply:
        """Every project with its films."""
        reply = self.status(sorted(self.project_names()))
        facts = (
            ProjectFacts(
                name=each.name,
                state=each.state,
                films=self.films(each.name),
                frames=each.frames,
                output_dir=each.output_dir,
                notes=self.notes(each.name),
            )
            for each in reply.projects
        )
        return ProjectsReply(raw_videos=raw_videos, notices=reply.notices, projects=tuple(facts))

    def films(self, name: str) -> tuple[FilmFacts, ...]:
        """The films in the project's folder, and what became of each."""
        project = self._watcher.catalog.projects.get(name)
        if project is None:
            return ()
        results = self._extracted.results(name, project)
        return tuple(
            FilmFacts(
                name=film.name,
                path=film.path,
                state=self._film_state(name, film.fingerprint, status, results),
                size_bytes=film.size_bytes,
                fingerprint=film.fingerprint,
                reason=_film_text(film, status),
                removed=results.removed.get(film.fingerprint or "", 0) if results is not None else 0,
            )
            for film, status in self._film_statuses.statuses_of(name, project, time.monotonic())
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """What in the project's folder and settings has no effect, a line each."""
        project = self._watcher.catalog.projects.get(name)
        return (*skipped_lines(project.skipped), *project.warnings) if project is not None else ()

    def in_work(self, name: str) -> FilmInWork | None:
        """The film that the project's extractor is at, by what it said last."""
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

    def replaced(self, name: str) -> Mapping[str, FilmImages]:
        """Fingerprint -> images of a film that is no longer there, although one of its name is."""
        project = self._watcher.catalog.projects.get(name)
        results = self._extracted.results(name, project)
        if project is None or results is None:
            return {}
        now = {film.name: film.fingerprint for film in project.films if film.fingerprint is not None}
        there = frozenset(now.values())
        return {
            fingerprint: had
            for fingerprint, had in results.images.items()
            if had.film in now and fingerprint not in there
        }

    def unextracted(
        self, settings: Mapping[str, ExtractionSettings], *, force: bool, restore: bool = False
    ) -> list[str]:
        """The projects with a film, not an ignored one, that is not extracted with its settings; by name.

        `settings`: by project; one that has none there counts as extracted with any. `force`: nothing counts;
        `restore`: nor does a film of which a user has removed images.
        """
        found = []
        for name, project in sorted(self._watcher.catalog.projects.items()):
            kept = [film for film in self.films(name) if film.state is not FilmState.IGNORED]
            films = [film.fingerprint for film in kept]
            again = force or (restore and any(film.removed for film in kept))
            if films and (again or not self._extracted.are_all(name, project, films, settings.get(name))):
                found.append(name)
        return found

    def failed(self) -> list[str]:
        """The projects whose last job failed or waits for its next attempt, or with a film that failed; by name."""
        return [
            name
            for name in sorted(self.project_names())
            if ((job := self._ledger.latest(name)) is not None and isinstance(job.state, Failed | Retrying))
            or self._extracted.failed_films(name, self._watcher.catalog.projects.get(name))
        ]

    def _film_state(
        self, name: str, fingerprint: str | None, status: FilmStatus, results: ResultsSummary | None
    ) -> FilmState:
        if fingerprint is not None and results is not None and results.has(fingerprint):
            return FilmState.EXTRACTED
        if fingerprint is not None and results is not None and fingerprint in results.missing:
            return FilmState.GONE
        match status:
            case Changing() | Unprobed() | Unreadable():
                return FilmState.SETTLING
            case Ignored():
                return FilmState.IGNORED
            case Ready():
                return FilmState.NEW
            case Decided():
                assert fingerprint is not None
                return _STATE_OF_VERDICT.get(self._ledger.verdict(name, fingerprint), FilmState.NEW)

    def _contained(self, name: str, now: Moment, decision: Decision) -> ProjectStatus:
        try:
            status = self._project(name, now, decision)
        except Exception as fault:  # noqa: BLE001 -- logged; the others' states are reported all the same
            return _with_reasons(ProjectStatus(name=name, state=ProjectState.NEW), self._faults.record(name, fault))
        self._faults.clear(name)
        results = self._extracted.results(name, self._watcher.catalog.projects.get(name))
        n_removed = sum(results.removed.values()) if results is not None else 0
        return msgspec.structs.replace(status, removed=n_removed) if n_removed else status

    def _project(self, name: str, now: Moment, decision: Decision) -> ProjectStatus:
        project = self._watcher.catalog.projects.get(name)
        job = self._ledger.latest(name)
        statuses = [*self._film_statuses.statuses_of(name, project, now.monotonic_s)] if project is not None else []
        has_undecided = not all(isinstance(each, Decided | Ignored) for _, each in statuses)
        if job is not None and not job.is_over:
            # Its settings were fixed when it was submitted: what is wrong with them now is no matter yet.
            status, reasons = self._with_job(job, project, now, decision)
            return _with_reasons(status, *reasons)
        if job is None or has_undecided:
            status, reasons = self._without_job(name, project, statuses, now)
        else:
            status, reasons = self._with_job(job, project, now, decision)
        return _with_reasons(status, *self._reasons_of_project(name, project, reasons))

    def _reasons_of_project(
        self, name: str, project: CatalogProject | None, reasons: Sequence[Reason]
    ) -> Iterator[Reason]:
        """What is wrong with it first, then `reasons`, then what else a person may want to do something about."""
        if project is not None and project.problem is not None:
            yield project.problem
        yield from reasons
        if replaced := self.replaced(name).values():
            films = tuple(sorted({each.film for each in replaced}))
            yield FilmsReplaced(films=films, images=sum(each.number for each in replaced))
        if project is not None and project.skipped != NOTHING_SKIPPED:
            yield project.skipped
        for warning in project.warnings if project is not None else ():
            yield SettingIneffective(message=warning)

    def _without_job(
        self,
        name: str,
        project: CatalogProject | None,
        statuses: Sequence[tuple[CatalogFilm, FilmStatus]],
        now: Moment,
    ) -> tuple[ProjectStatus, Sequence[Reason]]:
        if project is None:
            return ProjectStatus(name=name, state=ProjectState.NEW), ()
        state = ProjectState.NEW
        reasons: Sequence[Reason] = [each for pair in statuses if (each := unreadable_film(*pair)) is not None]
        if settling := settling_reasons(statuses, now.monotonic_s):
            state, reasons = ProjectState.SETTLING, settling
        elif not project.films:
            reasons = () if project.problem is not None else (NoFilms(),)
        elif (ignored := films_ignored(statuses)) is not None:
            state, reasons = ProjectState.IGNORED, (ignored,)
        elif not any(isinstance(each, Ready) for _, each in statuses):
            state = ProjectState.COMPLETE
        status = ProjectStatus(
            name=name,
            state=state,
            progress=1.0 if state is ProjectState.COMPLETE else 0.0,
            frames=project.results.total_frames if project.results else 0,
            films=len(project.films),
            output_dir=project.output_dir or None,
        )
        return status, reasons

    def _with_job(
        self, job: Job, project: CatalogProject | None, now: Moment, decision: Decision
    ) -> tuple[ProjectStatus, Sequence[Reason]]:
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
            # Its slots come back a moment after its last attempt has ended.
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
        message = outcome.reason or None if outcome is not None and not cancelled.asked else None
        reason = JobCancelled(on_request=cancelled.asked, message=message)
        if self._extracted.are_results_gone(job, project):
            return reason
        statuses = self._film_statuses.statuses_of(name, project, now.monotonic_s) if project is not None else ()
        films = [film.fingerprint for film, each in statuses if not isinstance(each, Ignored)]
        return msgspec.structs.replace(reason, is_extracted=self._extracted.are_all(name, project, films))

    def _pause(self, job: Job, suspension: Suspension | None) -> Paused | Suspension | None:
        """How far a pause has come that its user asked for, else why framed itself has suspended it."""
        if job.is_over or (isinstance(job.state, Running) and job.state.stop_request is not None):
            return None
        if not job.paused:
            return suspension
        if not isinstance(job.state, Running):
            return pause_of_waiting(job)
        slots = self._dispatcher.slots_of(job.id)
        return Paused(phase=PausePhase.WORKERS_STOPPING if slots else PausePhase.SLOTS_RELEASED, workers=slots)


def films_ignored(statuses: Sequence[tuple[CatalogFilm, FilmStatus]]) -> FilmsIgnored | None:
    """None when there is a film that is not ignored, and without films."""
    ignored = [(film.name, each.because) for film, each in statuses if isinstance(each, Ignored)]
    if not ignored or len(ignored) < len(statuses):
        return None
    film, because = ignored[0]
    return FilmsIgnored(film=film, because=because, others=len(ignored) - 1)


def _with_reasons(status: ProjectStatus, *reasons: Reason) -> ProjectStatus:
    return msgspec.structs.replace(status, reason=reasons_text(reasons, status.name), reasons=reasons)


def _present(*reasons: Reason | None) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if reason is not None)


def _requeued(job: Job, queued: Queued) -> Requeued | None:
    """None of a job that was submitted again since its last attempt, or never had one."""
    ended = last_attempt_ended(job)
    return Requeued(after=ended) if queued.reason and ended is not None else None


def _ending_of(running: Running) -> Cancelling | Replacing | None:
    match running.stop_request:
        case Cancel():
            return Cancelling()
        case ReplaceBy():
            return Replacing()
        case None:
            return None


def _film_text(film: CatalogFilm, status: FilmStatus) -> str:
    """Why it is ignored or cannot be opened, beside its name; "" for any other, as the protocol has it."""
    if isinstance(status, Ignored):
        return because_text(status.because)
    unreadable = unreadable_film(film, status)
    return unreadable_text(unreadable) if unreadable is not None else ""


def _got_to(job: Job) -> tuple[float, int]:
    """How far the attempts that ended had got, as a fraction and in images: the last that had opened its films."""
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
"""An attempt that ends with one of these says which film it is about."""
_WITH_LAST_LINES = frozenset({ProjectState.RETRYING, ProjectState.FAILED})
_STATE_OF_VERDICT: Mapping[Verdict | None, FilmState] = {
    # Extracted once, and there are no results now.
    Verdict.COMPLETE: FilmState.GONE,
    Verdict.CLEANED: FilmState.CLEANED,
    Verdict.FAILED: FilmState.FAILED,
    Verdict.CANCELLED: FilmState.CANCELLED,
}
_WITH_SESSION = frozenset({ProjectState.RUNNING, ProjectState.RETRYING, ProjectState.PAUSED, ProjectState.FAILED})
