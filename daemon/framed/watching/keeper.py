"""Keeps the catalog: one look at the disk after the other, and what came of each. Blocking.

Which files lie there and how they change is on the disk (`scan`, `outputs`), when one of them is whole is
`policy.settle`. A look costs little more than asking the disk: what is as it was is not put together anew.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from framed.faults import Faults
from framed.policy.settle import Signature, Track, is_settled, observe
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.watching.catalog import Backlog, Catalog, CatalogFilm, CatalogProject
from framed.watching.outputs import ProjectOutput, SharedOutputs
from framed.watching.scan import Listing, SeenFilm, fingerprint_of, scan_raw_videos

MOST_READ_AT_ONCE: Final = 32
"""Films whose fingerprint is read in one go; a backlog is spread over several, so that each ends soon."""
READ_AGAIN_AT_MOST: Final = 3
"""How often the fingerprint of one film is read again because its change time alone is another."""
_TURNS: Final = 6


@dataclass
class _Known:
    """What is kept of one project from look to look."""

    output: ProjectOutput
    listing: Listing = field(default_factory=Listing)
    tracks: dict[str, Track] = field(default_factory=dict)
    """By the name of the film; of all in the listing."""
    project: CatalogProject = field(default_factory=lambda: CatalogProject((), "", None, ""))
    """As it is but for what other projects' outputs mean for it."""


class CatalogKeeper:
    """Looks, and remembers what it saw. Only one thread at a time."""

    def __init__(self, places: Places, settings: LiveSettings, remembered: Mapping[str, tuple[Signature, str]]) -> None:
        """`remembered`: path -> signature and fingerprint of films that had settled before; they need not again."""
        self._places = places
        self._settings = settings
        self._fingerprints = dict(remembered)
        self._known: dict[str, _Known] = {}
        self._unread: deque[tuple[str, SeenFilm]] = deque()
        """Projects and their films that have settled, as the last look saw them."""
        self._catalog = Catalog()
        self._shared = SharedOutputs(places)
        self._turn = 0
        self._first_look_at_s: float | None = None
        self._is_backlog_through = False
        self._newly_settled: dict[str, tuple[Signature, str]] = {}
        self._n_read_again: Counter[str] = Counter()
        """By the path of the film; begins anew when the film has changed."""
        self._faults = Faults("look for its films")

    def take_newly_settled(self) -> dict[str, tuple[Signature, str]]:
        """What settled since this was last asked, to be remembered."""
        taken, self._newly_settled = self._newly_settled, {}
        return taken

    def look(self, now_s: float, *, in_full: bool = True) -> Catalog:
        """The catalog after one more look at the disk; of what has settled, a first portion is read.

        Unless it is `in_full`, the projects of which all films are extracted are passed over, each at five looks of
        six, when the times of their folders have not changed. So it is noticed a little later when such a film is
        overwritten in its place, or somebody takes images away.
        """
        raw_videos = self._places.raw_videos
        before = {name: known.listing for name, known in self._known.items()}
        quick = frozenset() if in_full else self._quick()
        scan = scan_raw_videos(raw_videos, before, quick)
        problem = scan.problem
        if not scan.projects and not problem and self._has_seen_some():
            problem = f"{raw_videos} is empty, or its disk is not mounted"
        if problem:
            self._catalog = Catalog(self._catalog.projects, problem, now_s)
            return self._catalog
        if self._first_look_at_s is None:
            self._first_look_at_s = now_s
        self._unread.clear()
        self._known = {name: self._known.get(name) or self._new(name) for name in scan.projects}
        for name, listing in scan.projects.items():
            if name in quick and listing is before[name]:
                continue
            self._look_at(name, listing, now_s)
        self._catalog = Catalog(self._catalog.projects, "", now_s, left_out=scan.left_out)
        return self.read_more()

    def read_more(self) -> Catalog:
        """The catalog with one more portion read of what had settled at the last look."""
        read: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for _ in range(min(MOST_READ_AT_ONCE, len(self._unread))):
            name, film = self._unread.popleft()
            fingerprint = read[name][film.path] = fingerprint_of(film)
            self._fingerprints[film.path] = self._newly_settled[film.path] = (film.signature, fingerprint)
        for name, fingerprints in read.items():
            project = self._known[name].project
            films = tuple(
                replace(film, fingerprint=fingerprints.get(film.path, film.fingerprint)) for film in project.films
            )
            self._known[name].project = replace(project, films=films)
        projects = self._projects()
        backlog = self._backlog(projects.values())
        self._catalog = replace(self._catalog, projects=projects, is_partial=bool(self._unread), backlog=backlog)
        return self._catalog

    def _has_seen_some(self) -> bool:
        """Whether there was ever something in raw_videos; a new one is empty for no worse reason than that."""
        prefix = f"{self._places.raw_videos}{os.sep}"
        return bool(self._catalog.projects) or any(path.startswith(prefix) for path in self._fingerprints)

    def _quick(self) -> frozenset[str]:
        """The projects that are done and whose turn it is not."""
        self._turn = (self._turn + 1) % _TURNS
        return frozenset(
            name
            for number, (name, known) in enumerate(self._known.items())
            if number % _TURNS != self._turn and known.project.is_done
        )

    def _new(self, project: str) -> _Known:
        return _Known(ProjectOutput(self._places, self._settings, project))

    def _look_at(self, name: str, listing: Listing | str, now_s: float) -> None:
        """`listing`: why it cannot be read, when it cannot; then the films are what they were."""
        known = self._known[name]
        project, output = known.project, known.output
        films = project.films
        try:
            if isinstance(listing, Listing):
                if listing.films is not known.listing.films or project.settling:
                    films = self._films(name, listing, now_s)
                known.listing = listing
            output.look()
            wrong = listing if isinstance(listing, str) else output.settings_error
            now = (films, output.frames_dir, output.results, wrong)
        except Exception as fault:  # noqa: BLE001 -- logged; it must cost neither the other projects nor the service
            now = (films, "", None, self._faults.words(name, fault))
        else:
            self._faults.over(name)
        if now != (project.films, project.output_dir, project.results, project.settings_error):
            known.project = CatalogProject(*now)

    def _films(self, name: str, listing: Listing, now_s: float) -> tuple[CatalogFilm, ...]:
        """What one more look at the project's films has come to."""
        known, watch = self._known[name], self._settings.now.watch
        tracks, films = {}, []
        for film_name, film in listing.films.items():
            track = tracks[film_name] = observe(known.tracks.get(film_name), film.signature, now_s)
            recorded = self._fingerprints.get(film.path)
            if recorded is not None and recorded[0] == film.signature:
                fingerprint: str | None = recorded[1]
                self._look_behind(name, film, *recorded)
            else:
                fingerprint = None
                self._n_read_again.pop(film.path, None)
                if is_settled(track, now_s, settle_s=watch.settle_s, settle_scans=watch.settle_scans):
                    self._unread.append((name, film))
            films.append(
                CatalogFilm(
                    name=film_name,
                    path=film.path,
                    fingerprint=fingerprint,
                    unchanged_since_s=track.unchanged_since_s,
                    size_bytes=film.signature.size_bytes,
                    modified_ns=film.signature.mtime_ns,
                )
            )
        known.tracks = tracks
        return tuple(films)

    def _look_behind(self, name: str, film: SeenFilm, recorded: Signature, fingerprint: str) -> None:
        """A film that may have been overwritten, its size and time put back, has its fingerprint read again.

        One recorded without a change time is what it was, and has the one of now.
        """
        if recorded.ctime_ns is None:
            self._fingerprints[film.path] = self._newly_settled[film.path] = (film.signature, fingerprint)
            return
        n_read = self._n_read_again[film.path]
        if film.signature.may_hide_other_content(recorded) and n_read < READ_AGAIN_AT_MOST:
            self._n_read_again[film.path] += 1
            self._unread.append((name, film))

    def _projects(self) -> Mapping[str, CatalogProject]:
        """All of them, each wrong that is in the way of another's output."""
        before = self._catalog.projects
        projects = {name: known.project for name, known in self._known.items()}
        outputs = {name: known.output for name, known in self._known.items() if known.project.output_dir}
        for name, wrong in self._shared.errors(outputs).items():
            projects[name] = replace(projects[name], settings_error=wrong)
            if projects[name] == before.get(name):
                projects[name] = before[name]
        return before if projects == before else projects

    def _backlog(self, projects: Iterable[CatalogProject]) -> Backlog | None:
        if self._is_backlog_through:
            return None
        films = [
            film for project in projects for film in project.films if film.unchanged_since_s == self._first_look_at_s
        ]
        n_read = sum(film.fingerprint is not None for film in films)
        self._is_backlog_through = n_read == len(films)
        return None if self._is_backlog_through else Backlog(n_films=len(films), n_read=n_read)
