"""Submits settled films automatically, each once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Final

import anyio
import anyio.abc

from framed.errors import SettingsError
from framed.fault_log import FaultLog
from framed.log import fields
from framed.model.job import Options
from framed.model.project import Overrides
from framed.policy.admission import Ready, Unprobed
from framed.settings.config import JobSettings, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger, NewJob, ProjectBusy
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread
from framed.wakeup import Wakeup
from framed.watching.film_statuses import FilmStatuses, PendingProject
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)


class AutoSubmitter:
    """Submits projects with films that have no verdict yet."""

    def __init__(
        self, places: Places, *, settings: LiveSettings, ledger: Ledger, watcher: Watcher, film_statuses: FilmStatuses
    ) -> None:
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._wakeup = Wakeup()
        self._faults = FaultLog("submit its films")
        watcher.listen(self._wakeup.set)
        film_statuses.listen(self._wakeup.set)
        ledger.listen(self._wakeup.set)
        settings.listen(self._wakeup.set)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Submits what can be submitted, now and after every change."""
        task_status.started()
        self._wakeup.set()
        while True:
            await self._wakeup.wait()
            catalog = self._watcher.catalog
            # The films of the start are submitted together, so that their order is right.
            if catalog.problem or catalog.backlog is not None or not self._settings.now.watch.auto_submit:
                continue
            began_s = time.monotonic()
            waiting = self._film_statuses.pending_projects(began_s)
            wanted = [each.name for each in _due(waiting) if self._may_be_submitted(each)]
            took_s = time.monotonic() - began_s
            if wanted:
                await self._submit(wanted)
            # At most a tenth of a core, however many films and changes there are.
            await anyio.sleep(9 * took_s)

    def _may_be_submitted(self, project: PendingProject) -> bool:
        latest = self._ledger.latest(project.name)
        return project.project.problem is None and (latest is None or latest.is_over)

    async def _submit(self, projects: list[str]) -> None:
        try:
            await self._ledger.commit({}, await in_own_thread(self._new_jobs, projects))
        except ProjectBusy:
            self._wakeup.set()
        except StoreUnavailable as unavailable:
            _log.warning("films could not be submitted", extra=fields(projects=len(projects), why=unavailable.why))

    def _new_jobs(self, projects: list[str]) -> list[NewJob]:
        new_jobs = []
        for name in projects:
            try:
                settings = resolve(self._settings.now, self._places, name, Overrides())
            except SettingsError as wrong:
                _log.warning("project could not be submitted", extra=fields(project=name, why=wrong))
            except Exception as fault:  # noqa: BLE001 -- logged; the others are submitted
                self._faults.record(name, fault)
            else:
                new_jobs.append(NewJob(project=name, by="watch", options=options_of(settings)))
        return new_jobs


def _due(waiting: Iterable[PendingProject]) -> Iterator[PendingProject]:
    """Those to be submitted now, up to the first with films to be probed: none overtakes it."""
    for project in waiting:
        statuses = [status for _, status in project.films]
        if any(isinstance(each, Unprobed) for each in statuses):
            return
        # Films that are still changing, or cannot be opened yet, delay nothing: they become the next job.
        if any(isinstance(each, Ready) for each in statuses):
            yield project


def options_of(settings: JobSettings) -> Options:
    """The resolved settings as a job keeps them."""
    return Options(
        extraction=settings.extraction,
        workers=settings.workers,
        retry=settings.retry,
        frames_dir=str(settings.frames_dir),
    )
