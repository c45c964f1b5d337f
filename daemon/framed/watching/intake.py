"""Turns films that have settled into jobs, each once."""

from __future__ import annotations

import logging
from typing import Final

import anyio.abc

from framed.bell import Bell
from framed.errors import SettingsError
from framed.faults import Faults
from framed.log import fields
from framed.model.job import Job, JobFilm, Options
from framed.model.project import Overrides
from framed.settings.config import JobSettings, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger, NewJob, ProjectBusy
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread
from framed.watching.catalog import CatalogProject
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)


class Intake:
    """Submits by itself what nobody has judged yet."""

    def __init__(self, places: Places, settings: LiveSettings, ledger: Ledger, watcher: Watcher) -> None:
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._bell = Bell()
        self._faults = Faults("submit its films")
        watcher.listen(self._bell.ring)
        ledger.listen(self._bell.ring)
        settings.listen(self._bell.ring)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Submits what the looks have found so far, then after every look and every job that ended."""
        task_status.started()
        self._bell.ring()
        while True:
            await self._bell.wait()
            catalog = self._watcher.catalog
            if catalog.problem or not self._settings.now.watch.auto_submit:
                continue
            wanted = [
                name
                for name, project in catalog.projects.items()
                if not project.settings_error and unjudged(project, name, self._ledger) and self._is_idle(name)
            ]
            if not wanted:
                continue
            try:
                await self._ledger.commit({}, await in_own_thread(self._new_jobs, wanted))
            except ProjectBusy:
                self._bell.ring()
            except StoreUnavailable as unavailable:
                _log.warning("films are not submitted", extra=fields(projects=len(wanted), why=unavailable.why))

    def _is_idle(self, project: str) -> bool:
        latest = self._ledger.latest(project)
        return latest is None or latest.is_over

    def _new_jobs(self, projects: list[str]) -> list[NewJob]:
        new_jobs = []
        for name in projects:
            try:
                settings = resolve(self._settings.now, self._places, name, Overrides())
            except SettingsError as wrong:
                _log.warning("project is not submitted", extra=fields(project=name, why=wrong))
            except Exception as fault:  # noqa: BLE001 -- logged; the others are submitted
                self._faults.words(name, fault)
            else:
                new_jobs.append(NewJob(project=name, by="watch", options=options_of(settings)))
        return new_jobs


def unjudged(project: CatalogProject, name: str, ledger: Ledger) -> tuple[JobFilm, ...]:
    """The settled films that are neither extracted nor given up nor cancelled."""
    return tuple(
        film
        for film in project.settled
        if ledger.verdict(name, film.fingerprint) is None and not project.is_extracted(film.fingerprint)
    )


def films_for(job: Job, project: CatalogProject, ledger: Ledger) -> tuple[JobFilm, ...]:
    """What an attempt of the job is given: all films when a user asked, else those without a verdict."""
    if job.by == "user":
        return project.settled
    return unjudged(project, job.project, ledger) or project.settled


def options_of(settings: JobSettings) -> Options:
    """The resolved settings as a job keeps them."""
    return Options(
        extraction=settings.extraction,
        workers=settings.workers,
        retry=settings.retry,
        frames_dir=str(settings.frames_dir),
    )
