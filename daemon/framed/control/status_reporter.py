"""The reply to `status`, from what is in memory. Touches no disk.

Reasons are `model.reasons`; their text is made last, in `_with_reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from framed.attempts.dispatch import Dispatcher
from framed.control.extracted import Extracted
from framed.control.job_status import JobStatus
from framed.control.notices import notices
from framed.control.project_films import ProjectFilms
from framed.fault_log import FaultLog
from framed.host.clock import read_clocks
from framed.host.machine import Machine
from framed.model.job import Moment
from framed.model.reasons import (
    NOTHING_SKIPPED,
    BetterDefaults,
    FilmsReplaced,
    NoFilms,
    Reason,
    SettingIneffective,
)
from framed.policy.admission import Decided, FilmStatus, Ignored, Ready
from framed.policy.schedule import Decision
from framed.protocol.messages import ProjectState, ProjectStatus, SlotsStatus, StatusReply
from framed.protocol.queries import ProjectFacts, ProjectsReply
from framed.reason_text import reasons_text
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.film_statuses import FilmStatuses, films_ignored, settling_reasons, unreadable_film
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
        extracted: Extracted,
        films: ProjectFilms,
        jobs: JobStatus,
        machine: Machine,
        settings: LiveSettings,
    ) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._dispatcher = dispatcher
        self._extracted = extracted
        self._films = films
        self._jobs = jobs
        self._machine = machine
        self._settings = settings
        self._faults = FaultLog("report its state")

    def status(self, projects: Iterable[str] | None = None) -> StatusReply:
        """The state of these projects, in this order, and of the machine. None: of all, by name."""
        names = sorted(self._films.names()) if projects is None else projects
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
            projects=tuple(self._contained(name, now, decision) for name in names),
        )

    def project(self, name: str) -> ProjectStatus:
        """The state of this one."""
        return self.status((name,)).projects[0]

    def projects(self, raw_videos: str) -> ProjectsReply:
        """Every project with its films."""
        reply = self.status()
        facts = (
            ProjectFacts(
                name=each.name,
                state=each.state,
                films=self._films.films(each.name),
                frames=each.frames,
                output_dir=each.output_dir,
                notes=self._films.notes(each.name),
            )
            for each in reply.projects
        )
        return ProjectsReply(raw_videos=raw_videos, notices=reply.notices, projects=tuple(facts))

    def _contained(self, name: str, now: Moment, decision: Decision) -> ProjectStatus:
        try:
            status = self._project(name, now, decision)
        except Exception as fault:  # noqa: BLE001 -- logged; the others' states are reported all the same
            return _with_reasons(ProjectStatus(name=name, state=ProjectState.NEW), self._faults.record(name, fault))
        self._faults.clear(name)
        return msgspec.structs.replace(status, removed=self._n_removed(name))

    def _n_removed(self, name: str) -> int:
        """Images of the project that its user has removed."""
        results = self._extracted.results(name, self._watcher.catalog.projects.get(name))
        return sum(results.removed.values()) if results is not None else 0

    def _project(self, name: str, now: Moment, decision: Decision) -> ProjectStatus:
        project = self._watcher.catalog.projects.get(name)
        job = self._ledger.latest(name)
        statuses = [*self._film_statuses.statuses_of(name, project, now.monotonic_s)] if project is not None else []
        has_undecided = not all(isinstance(each, Decided | Ignored) for _, each in statuses)
        if job is not None and not job.is_over:
            # Its settings were fixed when it was submitted, so an error in the file does not matter yet.
            status, reasons = self._jobs.of(job, project, now, decision)
            return _with_reasons(status, *reasons)
        if job is None or has_undecided:
            status, reasons = self._without_job(name, project, statuses, now)
        else:
            status, reasons = self._jobs.of(job, project, now, decision)
        return _with_reasons(status, *self._reasons_of_project(name, project, reasons))

    def _reasons_of_project(
        self, name: str, project: CatalogProject | None, reasons: Sequence[Reason]
    ) -> Iterator[Reason]:
        """What is wrong with the project, then `reasons`, then what else a person may want to act on."""
        if project is not None and project.problem is not None:
            yield project.problem
        yield from reasons
        if replaced := self._films.replaced(name).values():
            films = tuple(sorted({each.film for each in replaced}))
            yield FilmsReplaced(films=films, images=sum(each.number for each in replaced))
        if project is not None and project.has_better_defaults:
            yield BetterDefaults()
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
            output_dir=project.output_dir,
        )
        return status, reasons


def _with_reasons(status: ProjectStatus, *reasons: Reason) -> ProjectStatus:
    return msgspec.structs.replace(status, reason=reasons_text(reasons, status.name), reasons=reasons)
