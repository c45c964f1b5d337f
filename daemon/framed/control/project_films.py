"""What became of each project's films. Reads what the other parts hold; changes nothing, touches no disk."""

from __future__ import annotations

import time
from collections.abc import Mapping

from frame_extractor.contract.settings import ExtractionSettings
from framed.control.extracted import Extracted
from framed.model.job import Failed, Retrying, Verdict
from framed.policy.admission import Changing, Decided, FilmStatus, Ignored, Ready, Unprobed, Unreadable
from framed.protocol.queries import FilmFacts, FilmState
from framed.reason_text import because_text, skipped_lines, unreadable_text
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogFilm
from framed.watching.film_statuses import FilmStatuses, unreadable_film
from framed.watching.scan import FilmImages, ResultsSummary
from framed.watching.watch import Watcher


class ProjectFilms:
    """The projects that there are or were, by name, and the films in their folders."""

    def __init__(self, *, ledger: Ledger, watcher: Watcher, film_statuses: FilmStatuses, extracted: Extracted) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._extracted = extracted

    def names(self) -> frozenset[str]:
        """Every project that there is or was."""
        return frozenset(self._watcher.catalog.projects) | frozenset(self._ledger.projects())

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
            for name in sorted(self.names())
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


def _film_text(film: CatalogFilm, status: FilmStatus) -> str:
    """Why it is ignored or cannot be opened, beside its name; "" for any other, as the protocol has it."""
    if isinstance(status, Ignored):
        return because_text(status.because)
    unreadable = unreadable_film(film, status)
    return unreadable_text(unreadable) if unreadable is not None else ""


_STATE_OF_VERDICT: Mapping[Verdict | None, FilmState] = {
    # Extracted once, and there are no results now.
    Verdict.COMPLETE: FilmState.GONE,
    Verdict.CLEANED: FilmState.CLEANED,
    Verdict.FAILED: FilmState.FAILED,
    Verdict.CANCELLED: FilmState.CANCELLED,
}
