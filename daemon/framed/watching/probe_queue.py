"""Has every film probed that may have to be extracted, a few at a time, each as rarely as possible."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
import anyio.abc

from frame_extractor.contract.answers import Probe
from framed.fault_log import FaultLog
from framed.log import fields
from framed.policy.admission import PROBE_AGAIN_S, ProbeFailed
from framed.reason_text import reason_text
from framed.settings.config import WatchSettings
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.state.store import StoreUnavailable
from framed.wakeup import Wakeup
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.film_statuses import FilmStatuses
from framed.watching.probe_process import PROBER, probe
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)

_AT_ONCE: Final = 2
"""So that one that hangs does not stop the others."""
_RECHECK_S: Final = 0.5
"""How often films that could not be opened are checked: whether to probe them again or to give up."""


class ProbeQueue:
    """Records the result of each probe in `film_statuses`; the store keeps successful ones."""

    def __init__(
        self,
        film_statuses: FilmStatuses,
        *,
        settings: LiveSettings,
        ledger: Ledger,
        watcher: Watcher,
        command: Sequence[str] = PROBER,
    ) -> None:
        self._film_statuses = film_statuses
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._command = tuple(command)
        self._queue: deque[CatalogFilm] = deque()
        """Films that may need a probe, the next one first, with those that are being probed; as in the catalog now."""
        self._queued_from: tuple[Mapping[str, CatalogProject], WatchSettings] | None = None
        """The catalog and settings that the queue was made from."""
        self._running: set[str] = set()
        """Paths."""
        self._unwritten: dict[str, Probe] = {}
        """By path."""
        self._faults = FaultLog("open a film")
        self._wakeup = Wakeup()
        watcher.listen(self._wakeup.set)
        settings.listen(self._wakeup.set)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Probes films until cancelled."""
        task_status.started()
        async with anyio.create_task_group() as tasks:
            while True:
                while len(self._running) < _AT_ONCE and (film := self._next(time.monotonic())) is not None:
                    self._running.add(film.path)
                    tasks.start_soon(self._probe, film)
                await self._wakeup.wait(_RECHECK_S if self._queue else None)

    def _next(self, now_s: float) -> CatalogFilm | None:
        if self._watcher.catalog.problem:
            return None
        projects, watch = self._watcher.catalog.projects, self._settings.now.watch
        if self._queued_from is None or self._queued_from[0] is not projects or self._queued_from[1] is not watch:
            self._queued_from = (projects, watch)
            self._queue = deque(film for each in self._film_statuses.pending_projects(now_s) for film, _ in each.films)
        for _ in range(len(self._queue)):
            film = self._queue.popleft()
            opening = self._film_statuses.probe_result_of(film)
            is_given_up = opening is not None and now_s - film.unchanged_since_s >= watch.give_up_s
            if is_given_up:
                self._film_statuses.notify()
            if film.fingerprint is None or isinstance(opening, Probe) or is_given_up:
                continue
            self._queue.append(film)
            if film.path not in self._running and (opening is None or now_s - opening.at_s >= PROBE_AGAIN_S):
                return film
        return None

    async def _probe(self, film: CatalogFilm) -> None:
        before = self._film_statuses.probe_result_of(film)

        def record(result: Probe | ProbeFailed) -> None:
            self._film_statuses.record(film, result)
            opening = self._film_statuses.probe_result_of(film)
            if isinstance(opening, Probe):
                self._unwritten[film.path] = opening
            elif opening is not None and before is None:
                _log.info("film cannot be opened", extra=fields(film=film.path, why=opening.reason))

        try:
            await probe(film.path, record, self._command)
            await self._remember()
        except Exception as fault:  # noqa: BLE001 -- logged; only this film is affected, and it is tried again
            record(ProbeFailed(reason_text(self._faults.record(film.path, fault)), time.monotonic()))
        else:
            self._faults.clear(film.path)
        finally:
            self._running.discard(film.path)
            self._wakeup.set()

    async def _remember(self) -> None:
        """Writes new results to the store, in one transaction."""
        unwritten, self._unwritten = self._unwritten, {}
        if unwritten:
            try:
                await self._ledger.remember_probes(unwritten)
            except StoreUnavailable as unavailable:
                _log.warning("probe results could not be stored", extra=fields(why=unavailable.why))
