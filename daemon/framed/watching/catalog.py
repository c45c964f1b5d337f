"""The catalog: what is known of every project's films. No input or output: see `catalog_builder`, which makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from framed.model.job import JobFilm
from framed.model.reasons import NOTHING_SKIPPED, FilesSkipped, ProjectProblem, RawVideosProblem, ScanPending, Settling
from framed.watching.scan import ResultsSummary


@dataclass(frozen=True)
class CatalogFilm:
    name: str
    path: str
    fingerprint: str | None
    """None while it settles."""
    unchanged_since_s: float
    """Monotonic; the first scan that found it in its present state."""
    size_bytes: int
    modified_ns: int
    """Wall clock, as recorded by the file system."""


@dataclass(frozen=True)
class CatalogProject:
    """The same object from scan to scan while nothing in it changes."""

    films: tuple[CatalogFilm, ...]
    """By name."""
    output_dir: str | None
    """Its `frames/`; None when its settings file is wrong."""
    results: ResultsSummary | None
    problem: ProjectProblem | None
    """What is wrong with the project's settings file or its folders, or fails of framed itself."""
    is_unresponsive: bool = False
    """One of its disks does not answer; everything else is as of the last answer."""
    subfolders: tuple[str, ...] = ()
    """Paths below the project's folder in which films are taken."""
    skipped: FilesSkipped = NOTHING_SKIPPED
    """What in its folder is not taken as a film."""
    warnings: tuple[str, ...] = ()
    """Entries of its settings that have no effect, although a user may expect one."""
    chooses_distinct: bool = False
    """Whether a submit would choose distinct frames of its shots."""

    @cached_property
    def settled(self) -> tuple[JobFilm, ...]:
        return tuple(
            JobFilm(path=film.path, fingerprint=film.fingerprint) for film in self.films if film.fingerprint is not None
        )

    @cached_property
    def settling(self) -> tuple[CatalogFilm, ...]:
        return tuple(film for film in self.films if film.fingerprint is None)

    @cached_property
    def is_done(self) -> bool:
        """Whether all of its films are extracted, so that nothing is to be done but to notice when that changes."""
        return self.problem is None and all(
            film.fingerprint is not None and self.is_extracted(film.fingerprint) for film in self.films
        )

    @cached_property
    def has_better_defaults(self) -> bool:
        """Whether a submit would choose better frames of a film that an earlier version has extracted."""
        return (
            self.chooses_distinct
            and self.results is not None
            and any(film.fingerprint in self.results.chosen_before for film in self.films)
        )

    def last_to_settle(self, now_s: float) -> Settling | None:
        """The film that changed last of those that settle; None when all have settled."""
        if not self.settling:
            return None
        latest = max(self.settling, key=lambda film: film.unchanged_since_s)
        return Settling(film=latest.name, unchanged_s=round(now_s - latest.unchanged_since_s))

    def is_extracted(self, fingerprint: str) -> bool:
        """Whether the results on the disk have that film, with any settings."""
        return self.results is not None and self.results.has(fingerprint)


@dataclass(frozen=True)
class Backlog:
    """The films found by the first scan, until they have settled and been read for the first time."""

    n_films: int
    """Without those that have changed or gone since then: they are like any that come later."""
    n_read: int
    """Of them; their fingerprints are known."""


@dataclass(frozen=True)
class Catalog:
    projects: Mapping[str, CatalogProject] = field(default_factory=dict)
    """The same object from scan to scan while nothing in it changes."""
    problem: RawVideosProblem | None = field(default_factory=ScanPending)
    """Why it is not trusted just now; then it is the last that was."""
    scanned_at_s: float = 0.0
    """Monotonic; when the scan began."""
    is_partial: bool = False
    """Some settled films have not been read yet; `CatalogBuilder.read_more` does."""
    backlog: Backlog | None = None
    """None once it is through, and while there is a problem."""
    left_out: tuple[str, ...] = ()
    """Folders that are no projects because their names are not UTF-8, as they can be shown."""
    loose_films: tuple[str, ...] = ()
    """Films directly in raw_videos, in no project."""
    is_cut_off: bool = False
    """There is more in raw_videos than is read."""
    asked_at_s: Mapping[str, float] = field(default_factory=dict)
    """Project -> `results_as_of_s`; not part of the project, which stays the same object while nothing changes."""

    def results_as_of_s(self, project: str) -> float:
        """Monotonic; the results of that project are as they were then, or later. 0 when they were never asked for.

        Each disk answers for itself, late or not at all, and a scan passes over some: `scanned_at_s` may be later.
        """
        return self.asked_at_s.get(project, 0.0)

    def says_the_same_as(self, other: Catalog) -> bool:
        """Whether both are equal but for the time of the scan."""
        return self.projects is other.projects and self._others() == other._others()

    def _others(self) -> tuple[object, ...]:
        return (self.problem, self.backlog, self.left_out, self.loose_films, self.is_cut_off)
