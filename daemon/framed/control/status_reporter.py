"""The answer to `status`: what is in memory, put together in a moment. Touches no disk."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from frame_extractor.contract.settings import ExtractionSettings
from framed.attempts.dispatch import Dispatcher
from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.control.extracted import Extracted
from framed.control.notes import (
    cancelled_words,
    doubt_text,
    failed_text,
    ignored_text,
    joined,
    lost_text,
    missing_text,
    no_results_words,
    replaced_text,
)
from framed.control.notices import notices
from framed.fault_log import FaultLog
from framed.host.clock import read_clocks
from framed.host.machine import Machine
from framed.model.job import Cancelled, Complete, Failed, Job, JobState, Moment, Queued, Retrying, Running, Verdict
from framed.policy.admission import Changing, Decided, FilmStatus, Ignored, Ready, Unprobed, Unreadable
from framed.policy.schedule import Decision
from framed.protocol.messages import ProjectState, ProjectStatus, SlotsStatus, StatusReply
from framed.protocol.queries import FilmFacts, FilmInWork, FilmState, ProjectFacts, ProjectsReply
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.film_statuses import FilmStatuses, film_status_text, settling_text
from framed.watching.listing import skipped_text
from framed.watching.scan import FilmImages, ResultsSummary
from framed.watching.watch import Watcher


class StatusReporter:
    """Reads what the other parts hold; changes nothing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        watcher: Watcher,
        standings: FilmStatuses,
        dispatcher: Dispatcher,
        reports: AttemptReports,
        stalls: StallDetector,
        machine: Machine,
        settings: LiveSettings,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._standings = standings
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
        outlook = self._dispatcher.decision_now()
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
            projects=tuple(self._contained(name, now, outlook) for name in projects),
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
                state=self._film_state(name, film.fingerprint, standing, results),
                size_bytes=film.size_bytes,
                fingerprint=film.fingerprint,
                reason=film_status_text(standing),
                removed=results.removed.get(film.fingerprint or "", 0) if results is not None else 0,
            )
            for film, standing in self._standings.statuses_of(name, project, time.monotonic())
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """What in the project's folder and settings has no effect, a line each."""
        project = self._watcher.catalog.projects.get(name)
        return (*skipped_text(project.skipped), *project.warnings) if project is not None else ()

    def in_work(self, name: str) -> FilmInWork | None:
        """The film that the project's extractor is at, by what it said last."""
        job = self._ledger.latest(name)
        told = self._reports.progress_of(job.id) if job is not None and isinstance(job.state, Running) else None
        if told is None:
            return None
        return FilmInWork(
            name=told.film,
            number=told.film_number,
            n_films=told.n_films,
            shots=told.shots,
            last_shots=told.last_shots,
        )

    def replaced(self, name: str) -> Mapping[str, FilmImages]:
        """Fingerprint -> images of a film that is no longer there, although one of its name is."""
        project = self._watcher.catalog.projects.get(name)
        results = self._extracted.results(name, project)
        if project is None or results is None:
            return {}
        now = {film.name: film.fingerprint for film in project.films if film.fingerprint is not None}
        there = frozenset(now.values())
        return {mark: had for mark, had in results.images.items() if had.film in now and mark not in there}

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
        self, name: str, fingerprint: str | None, standing: FilmStatus, results: ResultsSummary | None
    ) -> FilmState:
        if fingerprint is not None and results is not None and results.has(fingerprint):
            return FilmState.EXTRACTED
        if fingerprint is not None and results is not None and fingerprint in results.missing:
            return FilmState.GONE
        match standing:
            case Changing() | Unprobed() | Unreadable():
                return FilmState.SETTLING
            case Ignored():
                return FilmState.IGNORED
            case Ready():
                return FilmState.NEW
            case Decided():
                assert fingerprint is not None
                return _STATE_OF_VERDICT.get(self._ledger.verdict(name, fingerprint), FilmState.NEW)

    def _contained(self, name: str, now: Moment, outlook: Decision) -> ProjectStatus:
        try:
            status = self._project(name, now, outlook)
        except Exception as fault:  # noqa: BLE001 -- logged; the others' states are told all the same
            return ProjectStatus(name=name, state=ProjectState.NEW, reason=self._faults.record(name, fault))
        self._faults.clear(name)
        results = self._extracted.results(name, self._watcher.catalog.projects.get(name))
        n_removed = sum(results.removed.values()) if results is not None else 0
        return msgspec.structs.replace(status, removed=n_removed) if n_removed else status

    def _project(self, name: str, now: Moment, outlook: Decision) -> ProjectStatus:
        project = self._watcher.catalog.projects.get(name)
        job = self._ledger.latest(name)
        standings = [*self._standings.statuses_of(name, project, now.monotonic_s)] if project is not None else []
        has_undecided = not all(isinstance(each, Decided | Ignored) for _, each in standings)
        if job is not None and not job.is_over:
            # Its settings were fixed when it was submitted: what is wrong with them now is no matter yet.
            return self._with_job(job, project, now, outlook)
        if job is None or has_undecided:
            status = self._without_job(name, project, standings, now)
        else:
            status = self._with_job(job, project, now, outlook)
        wrong = project.settings_error if project is not None else ""
        replaced = replaced_text(name, self.replaced(name).values())
        return msgspec.structs.replace(status, reason=joined(wrong, status.reason, replaced, *self.notes(name)))

    def _without_job(
        self,
        name: str,
        project: CatalogProject | None,
        standings: Sequence[tuple[CatalogFilm, FilmStatus]],
        now: Moment,
    ) -> ProjectStatus:
        if project is None:
            return ProjectStatus(name=name, state=ProjectState.NEW)
        state, reason = ProjectState.NEW, joined(*(doubt_text(film.name, each) for film, each in standings))
        if settling := settling_text(standings, now.monotonic_s):
            state, reason = ProjectState.SETTLING, settling
        elif not project.films:
            reason = "" if project.settings_error else "no film in it"
        elif all(isinstance(each, Ignored) for _, each in standings):
            state, reason = ProjectState.IGNORED, ignored_text(name, standings)
        elif not any(isinstance(each, Ready) for _, each in standings):
            state = ProjectState.COMPLETE
        return ProjectStatus(
            name=name,
            state=state,
            progress=1.0 if state is ProjectState.COMPLETE else 0.0,
            frames=project.results.total_frames if project.results else 0,
            films=len(project.films),
            reason=reason,
            output_dir=project.output_dir or None,
        )

    def _with_job(self, job: Job, project: CatalogProject | None, now: Moment, outlook: Decision) -> ProjectStatus:
        waits_for, rests = outlook.waiting.get(job.id, ""), outlook.suspended.get(job.id, "")
        last = job.last_attempt
        progress = self._reports.progress_of(job.id)
        outcome = last.outcome if last is not None else None
        fraction, frames = _got_to(job)
        state, reason, elapsed_s = ProjectState.QUEUED, "", None
        match job.state:
            case Queued(reason=why):
                reason = f"{waits_for} (after: {why})" if why and waits_for else waits_for or why or "starting"
            case Retrying():
                state, reason = ProjectState.RETRYING, waits_for
            case Running(cancelling=cancelling, successor=successor):
                state = ProjectState.RUNNING
                reason = self._stalls.describe(job.id) or (waits_for if progress else "starting")
                reason = "being cancelled" if cancelling else reason
                reason = "being cancelled, to begin again with other settings" if successor else reason
                elapsed_s = progress.elapsed_s if progress else None
                if progress:
                    fraction, frames = progress.fraction, progress.images
            case Complete(outcome=done):
                state, fraction, elapsed_s = ProjectState.COMPLETE, 1.0, done.wall_s
                frames = self._extracted.total_images(job.project, project, otherwise=done.images)
                gone = missing_text(self._extracted.gone_films(job.project, project))
                if self._extracted.are_results_gone(job, project):
                    are_cleaned = self._extracted.are_cleaned(job.project, project)
                    frames, gone = 0, no_results_words(job.project, are_cleaned=are_cleaned)
                newest = self._extracted.results(job.project, project)
                lost = lost_text(newest.lost_s if newest else 0.0)
                reason = joined(failed_text(self._extracted.failed_films(job.project, project)), gone, lost)
            case Failed(outcome=bad):
                state, reason, elapsed_s = ProjectState.FAILED, bad.summary, bad.wall_s
                failed = self._extracted.failed_films(job.project, project)
                if project and len(project.films) > 1 and not (len(failed) == 1 and failed[0] in reason):
                    reason = joined(reason, failed_text(failed))
            case Cancelled(outcome=ended):
                state, reason = self._cancelled(job, job.state, project, now)
                elapsed_s = ended.wall_s if ended else None
        if pause := self._paused_words(job, rests):
            state, reason = ProjectState.PAUSED, pause
        if isinstance(job.state, Failed | Cancelled):
            total = self._extracted.total_images(job.project, project, otherwise=0)
            is_complete = state is ProjectState.COMPLETE
            fraction = 1.0 if is_complete else self._extracted.done_fraction(job, project)
            frames = total if is_complete else max(frames, total)
        return ProjectStatus(
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
            reason=reason,
            session=last.session if last and state in _WITH_SESSION and last.boot_id == now.boot_id else None,
            log=job.log_path if last else None,
            last_lines=outcome.last_lines if outcome and state in _WITH_LAST_LINES else (),
            output_dir=job.options.frames_dir,
        )

    def _cancelled(
        self, job: Job, cancelled: Cancelled, project: CatalogProject | None, now: Moment
    ) -> tuple[ProjectState, str]:
        """COMPLETE where there was nothing left that had to be extracted, and the reason."""
        name, outcome = job.project, cancelled.outcome
        why = "on request" if cancelled.asked else outcome.reason if outcome else ""
        if self._extracted.are_results_gone(job, project):
            return ProjectState.CANCELLED, why
        standings = self._standings.statuses_of(name, project, now.monotonic_s) if project is not None else ()
        films = [film.fingerprint for film, each in standings if not isinstance(each, Ignored)]
        if self._extracted.are_all(name, project, films):
            return ProjectState.COMPLETE, cancelled_words(why)
        return ProjectState.CANCELLED, why

    def _paused_words(self, job: Job, rests: str) -> str:
        """How far a pause has come that its user asked for, else why it rests; empty when it does neither."""
        if job.is_over or (isinstance(job.state, Running) and job.state.cancelling):
            return ""
        if not job.paused:
            return rests
        if not isinstance(job.state, Running):
            return "before it began" if job.last_attempt is None else "between two attempts"
        slots = self._dispatcher.slots_of(job.id)
        return f"{slots} worker{'s' * (slots != 1)} still to stop" if slots else "its slots are free for others"


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
_WITH_LAST_LINES = frozenset({ProjectState.RETRYING, ProjectState.FAILED})
_STATE_OF_VERDICT: Mapping[Verdict | None, FilmState] = {
    # Extracted once, and there are no results now.
    Verdict.COMPLETE: FilmState.GONE,
    Verdict.CLEANED: FilmState.CLEANED,
    Verdict.FAILED: FilmState.FAILED,
    Verdict.CANCELLED: FilmState.CANCELLED,
}
_WITH_SESSION = frozenset({ProjectState.RUNNING, ProjectState.RETRYING, ProjectState.PAUSED, ProjectState.FAILED})
