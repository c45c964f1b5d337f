"""The status of each film, from the catalog, the ledger, the settings and its probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from frame_extractor.contract.answers import Probe
from framed.model.job import Job, JobFilm
from framed.model.reasons import FilmsIgnored, IgnoredBecause, ProbePending, Settling
from framed.model.reasons import Unreadable as UnreadableFilm
from framed.policy.admission import (
    Changing,
    Decided,
    FilmStatus,
    Ignored,
    ProbeFailed,
    Ready,
    Unprobed,
    Unreadable,
    film_status,
    ignored_by_name,
)
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogFilm, CatalogProject
from framed.watching.watch import Watcher


@dataclass(frozen=True)
class PendingProject:
    """A project with films to be extracted automatically, now or soon."""

    name: str
    project: CatalogProject
    films: tuple[tuple[CatalogFilm, FilmStatus], ...]
    """Those that are undecided and not ignored."""


class FilmStatuses:
    """Reads what the other parts hold; keeps nothing itself but what probes have found."""

    def __init__(self, settings: LiveSettings, ledger: Ledger, watcher: Watcher) -> None:
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._probes = ledger.remembered_probes()
        """By fingerprint."""
        self._failures: dict[str, tuple[float, ProbeFailed]] = {}
        """By path, with the time since when the file had been as it was then."""
        self._ignored: dict[str, tuple[CatalogProject, object, Mapping[str, IgnoredBecause]]] = {}
        """By project: of which films, under which setting, which of them are ignored for their names, and why."""
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called after every probe, and when a film is given up. It must be quick and must not raise."""
        self._listeners.append(listener)

    def probe_of(self, fingerprint: str) -> Probe | None:
        """What is known of that film; None while it has not been opened, and where it cannot be."""
        return self._probes.get(fingerprint)

    def probe_result_of(self, film: CatalogFilm) -> Probe | ProbeFailed | None:
        """What the last probe of the file, as it is now, has come to."""
        if film.fingerprint is None:
            return None
        since_s, failure = self._failures.get(film.path, (0.0, None))
        return self._probes.get(film.fingerprint) or (failure if since_s == film.unchanged_since_s else None)

    def notify(self) -> None:
        """The status of some film has changed."""
        for listener in self._listeners:
            listener()

    def record(self, film: CatalogFilm, opening: Probe | ProbeFailed) -> None:
        """A probe of the film, as it was when that was begun, has come to this."""
        if isinstance(opening, Probe) and opening.fingerprint != film.fingerprint:
            opening = ProbeFailed("it changed while it was opened", time.monotonic())
        if isinstance(opening, Probe):
            self._probes[opening.fingerprint] = opening
            self._failures.pop(film.path, None)
        else:
            self._failures[film.path] = (film.unchanged_since_s, opening)
        self.notify()

    def statuses_of(self, name: str, project: CatalogProject, now_s: float) -> Iterator[tuple[CatalogFilm, FilmStatus]]:
        """Each film of the project, by name."""
        ignored = self._ignored_by_name(name, project)
        watch = self._settings.now.watch
        for film in project.films:
            fingerprint = film.fingerprint
            yield (
                film,
                film_status(
                    is_decided=fingerprint is not None and self._is_decided(name, fingerprint, project),
                    ignored_because=ignored.get(film.name),
                    unchanged_s=None if fingerprint is None else now_s - film.unchanged_since_s,
                    probe_result=self.probe_result_of(film),
                    settings=watch,
                ),
            )

    def start_blocker(self, job: Job, project: CatalogProject) -> Settling | UnreadableFilm | ProbePending | None:
        """The film that a job has to wait for; None when it may have an attempt.

        A user's job waits for all films of the project to be complete. An automatic job starts with the films that are
        ready, and waits only if none is, for instance when its film was replaced while it was read.
        """
        now_s = time.monotonic()
        if job.by == "user":
            return project.last_to_settle(now_s)
        statuses = [*self.statuses_of(job.project, project, now_s)]
        if any(isinstance(each, Ready) for _, each in statuses):
            return None
        return next(iter(settling_reasons(statuses, now_s)), None)

    def films_for(self, job: Job, project: CatalogProject) -> tuple[JobFilm, ...]:
        """The films for an attempt of the job.

        For a user's job all films of the project except those still being written; otherwise those that are ready. If
        none is ready any more, because they were extracted meanwhile, the extractor finds that out.
        """
        statuses = [*self.statuses_of(job.project, project, time.monotonic())]
        kept = [film for film, each in statuses if job.with_ignored or not isinstance(each, Ignored)]
        ready = [film for film, each in statuses if job.by == "watch" and isinstance(each, Ready)]
        chosen = ready or kept or project.films
        return tuple(JobFilm(path=film.path, fingerprint=film.fingerprint) for film in chosen if film.fingerprint)

    def pending_projects(self, now_s: float) -> list[PendingProject]:
        """The projects with films that are undecided and not ignored, in the order in which they are submitted."""
        found = []
        for name, project in self._watcher.catalog.projects.items():
            films = tuple(
                each for each in self.statuses_of(name, project, now_s) if not isinstance(each[1], Decided | Ignored)
            )
            if films:
                found.append(PendingProject(name, project, films))
        order = self._settings.now.watch.order
        if order == "newest":
            found.sort(key=lambda each: max(film.modified_ns for film, _ in each.films), reverse=True)
        elif order == "smallest":
            found.sort(key=lambda each: sum(film.size_bytes for film, _ in each.films))
        return found

    def _is_decided(self, name: str, fingerprint: str, project: CatalogProject) -> bool:
        return self._ledger.verdict(name, fingerprint) is not None or project.is_extracted(fingerprint)

    def _ignored_by_name(self, name: str, project: CatalogProject) -> Mapping[str, IgnoredBecause]:
        ignore = self._settings.now.watch.ignore
        known = self._ignored.get(name)
        if known is None or known[0] is not project or known[1] != ignore:
            names = [film.name for film in project.films]
            extracted = [each.film for each in project.results.images.values()] if project.results is not None else []
            known = self._ignored[name] = (project, ignore, ignored_by_name(names, ignore, extracted))
        return known[2]


def settling_reasons(
    statuses: Sequence[tuple[CatalogFilm, FilmStatus]], now_s: float
) -> tuple[Settling | UnreadableFilm | ProbePending, ...]:
    """What films of the project are waited for: the one that changed last, one that cannot be opened, else the others.

    Empty when none is.
    """
    found: list[Settling | UnreadableFilm | ProbePending] = []
    if changing := [film for film, each in statuses if isinstance(each, Changing)]:
        latest = max(changing, key=lambda film: film.unchanged_since_s)
        found.append(Settling(film=latest.name, unchanged_s=round(now_s - latest.unchanged_since_s)))
    unreadable = [each for film, status in statuses if (each := unreadable_film(film, status)) is not None]
    found += [each for each in unreadable if each.given_up_in_s is not None][:1]
    unprobed = tuple(film.name for film, each in statuses if isinstance(each, Unprobed))
    if unprobed and not found:
        found.append(ProbePending(films=unprobed))
    return tuple(found)


def unreadable_film(film: CatalogFilm, status: FilmStatus) -> UnreadableFilm | None:
    """Why it cannot be opened; None for any other."""
    match status:
        case Unreadable(error=error, given_up_in_s=left_s):
            return UnreadableFilm(film=film.name, error=error, given_up_in_s=round(left_s))
        case Ready(open_error=str(error)):
            return UnreadableFilm(film=film.name, error=error, given_up_in_s=None)
    return None


def films_ignored(statuses: Sequence[tuple[CatalogFilm, FilmStatus]]) -> FilmsIgnored | None:
    """None when there is a film that is not ignored, and without films."""
    ignored = [(film.name, each.because) for film, each in statuses if isinstance(each, Ignored)]
    if not ignored or len(ignored) < len(statuses):
        return None
    film, because = ignored[0]
    return FilmsIgnored(film=film, because=because, others=len(ignored) - 1)
