"""Builds the catalog from repeated scans of the disk. Blocking.

`scan` and `outputs` read the disk, `policy.settle` decides when a film has settled. A scan costs little more than the
system calls: objects of what has not changed are reused.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from framed.fault_log import FaultLog
from framed.model.film_names import is_film_name
from framed.model.reasons import DiskUnresponsive, RawVideosUnavailable
from framed.patience import NoAnswer, Patience
from framed.policy.settle import Signature, Track, is_settled, observe
from framed.settings.live_settings import LiveSettings
from framed.settings.misnamed import MisnamedFiles
from framed.settings.places import Places
from framed.watching.catalog import Backlog, Catalog, CatalogFilm, CatalogProject
from framed.watching.listing import Listing, SeenFilm
from framed.watching.outputs import SharedOutputs
from framed.watching.project_disk import ProjectDisk, ProjectReading
from framed.watching.scan import fingerprint_of, scan_raw_videos

_SCAN_TIMEOUT_S: Final = 0.5
"""How long one project's disk is waited for before the other projects are scanned."""
_UNRESPONSIVE_S: Final = 3.0
"""After this a disk is reported as unresponsive. A slow disk answers at the next scan."""
_FINGERPRINT_TIMEOUT_S: Final = 10.0
"""Time limit for reading the head, middle and tail of one film."""
MOST_READ_AT_ONCE: Final = 32
"""Fingerprints read in one call; a backlog is spread over several calls, so that each returns soon."""
READ_AGAIN_AT_MOST: Final = 3
"""How often the fingerprint of one film is read again because only its change time differs."""
_TURNS: Final = 6


@dataclass
class _ProjectState:
    """What is kept about one project between scans."""

    disk: ProjectDisk
    listing: Listing = field(default_factory=Listing)
    unresponsive_since_s: float | None = None
    """Monotonic; the first scan that its disk did not answer; None while it answers."""
    output_asked_at_s: float = 0.0
    """Monotonic; when its disk was asked for the output that is known."""
    tracks: dict[str, Track] = field(default_factory=dict)
    """Name of the film -> its track, for all films in the listing."""
    project: CatalogProject = field(default_factory=lambda: CatalogProject((), None, None, None))
    """The catalog entry, without errors that come from other projects' outputs."""


class CatalogBuilder:
    """Scans, and keeps what it found. Only one thread at a time."""

    def __init__(self, places: Places, settings: LiveSettings, remembered: Mapping[str, tuple[Signature, str]]) -> None:
        """`remembered`: path -> signature and fingerprint of films that have settled before."""
        self._places = places
        self._settings = settings
        self._fingerprints = dict(remembered)
        self._known: dict[str, _ProjectState] = {}
        self._unread: deque[tuple[str, SeenFilm]] = deque()
        """Project and film, of films that had settled at the last scan and whose fingerprint is to be read."""
        self._catalog = Catalog()
        self._shared = SharedOutputs(places)
        self._turn = 0
        self._first_scan_at_s: float | None = None
        self._is_backlog_done = False
        self._newly_settled: dict[str, tuple[Signature, str]] = {}
        self._n_read_again: Counter[str] = Counter()
        """By path; reset when the film has changed."""
        self._faults = FaultLog("scan for its films")
        self._scan_patience = Patience[str](_SCAN_TIMEOUT_S, keeps_late=True)
        """By project: each may be on a different disk."""
        self._read_patience = Patience[SeenFilm](_FINGERPRINT_TIMEOUT_S, keeps_late=True)
        self._unanswered: set[str] = set()
        """Paths of films that could not be read in time; the backlog does not wait for them."""
        self._misnamed = MisnamedFiles(places)

    def take_newly_settled(self) -> dict[str, tuple[Signature, str]]:
        """The films that settled since the last call, to be remembered."""
        taken, self._newly_settled = self._newly_settled, {}
        return taken

    def scan(self, now_s: float, *, in_full: bool = True) -> Catalog:
        """The catalog after another scan; a first portion of the settled films is read.

        Unless it is `in_full`, projects whose films are all extracted are skipped in five scans of six, each in its
        turn, while the times of their folders have not changed. So it is noticed a little later when such a film is
        overwritten in place or images are removed.
        """
        raw_videos = self._places.raw_videos
        scan = scan_raw_videos(raw_videos)
        problem = scan.problem
        if not scan.names and problem is None and self._has_seen_some():
            problem = RawVideosUnavailable(folder=str(raw_videos), error=None)
        if problem is not None:
            self._catalog = Catalog(self._catalog.projects, problem, now_s, asked_at_s=self._catalog.asked_at_s)
            return self._catalog
        if self._first_scan_at_s is None:
            self._first_scan_at_s = now_s
        self._unread.clear()
        quick = frozenset() if in_full else self._skipped_this_turn()
        self._known = {name: self._known.get(name) or self._new(name) for name in scan.names}
        with contextlib.suppress(NoAnswer):
            self._scan_patience.call("", self._misnamed.refresh)
        seen = self._scan_patience.each(scan.names, lambda name: self._read_project(name, is_quick=name in quick))
        for name in scan.names:
            self._record(name, seen.get(name), now_s)
        loose = (*scan.loose_films, *(name for name in scan.names if name not in self._known and is_film_name(name)))
        self._catalog = Catalog(
            self._catalog.projects,
            None,
            now_s,
            left_out=scan.left_out,
            loose_films=loose,
            is_cut_off=scan.is_cut_off,
            asked_at_s={name: known.output_asked_at_s for name, known in self._known.items()},
        )
        return self.read_more()

    def read_more(self) -> Catalog:
        """The catalog after reading another portion of the films that had settled at the last scan."""
        read: defaultdict[str, dict[str, str]] = defaultdict(dict)
        portion = {}
        for _ in range(min(MOST_READ_AT_ONCE, len(self._unread))):
            name, film = self._unread.popleft()
            portion[film] = name
        found = self._read_patience.each(portion, fingerprint_of)
        self._unanswered |= {film.path for film in portion.keys() - found.keys()}
        for film, fingerprint in found.items():
            self._unanswered.discard(film.path)
            read[portion[film]][film.path] = fingerprint
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
        """Whether raw_videos ever contained something; otherwise it is new, and may be empty."""
        prefix = f"{self._places.raw_videos}{os.sep}"
        return bool(self._catalog.projects) or any(path.startswith(prefix) for path in self._fingerprints)

    def _skipped_this_turn(self) -> frozenset[str]:
        """The projects that are done and whose turn it is not."""
        self._turn = (self._turn + 1) % _TURNS
        return frozenset(
            name
            for number, (name, known) in enumerate(self._known.items())
            if number % _TURNS != self._turn and known.project.is_done
        )

    def _new(self, project: str) -> _ProjectState:
        return _ProjectState(ProjectDisk(self._places, self._settings, project))

    def _read_project(self, name: str, *, is_quick: bool) -> ProjectReading:
        known = self._known[name]
        return known.disk.read(known.listing, quick=is_quick)

    def _record(self, name: str, seen: ProjectReading | None, now_s: float) -> None:
        """`seen`: None when the disk did not answer. Films that cannot be read stay as they were."""
        known = self._known[name]
        project, output = known.project, known.disk.output
        films, listing = project.films, known.listing
        if seen is None:
            known.unresponsive_since_s = now_s if known.unresponsive_since_s is None else known.unresponsive_since_s
            is_reported = now_s - known.unresponsive_since_s >= _UNRESPONSIVE_S or output.frames_dir is None
            problem = DiskUnresponsive(path=known.disk.last_path) if is_reported else project.problem
            known.project = _same_if_equal(project, replace(project, problem=problem, is_unresponsive=True))
            return
        known.unresponsive_since_s = None
        if not seen.is_project:
            del self._known[name]
            return
        if not seen.was_read:
            known.project = replace(project, is_unresponsive=False) if project.is_unresponsive else project
            return
        fault = seen.fault
        try:
            if seen.listing is not None:
                listing = seen.listing
                if listing.films is not known.listing.films or project.settling:
                    films = self._films(name, listing, now_s)
                known.listing = listing
        except Exception as failed:  # noqa: BLE001 -- logged; other projects and the daemon must not be affected
            fault = failed
        now = CatalogProject(
            films,
            output.frames_dir,
            output.results,
            seen.error or output.problem,
            subfolders=tuple(listing.folders)[1:],
            skipped=listing.skipped,
            warnings=(*output.warnings, *self._misnamed.warnings(name, self._known)),
            chooses_distinct=output.chooses_distinct,
        )
        if fault is not None:
            now = replace(now, output_dir=None, results=None, problem=self._faults.record(name, fault))
        else:
            self._faults.clear(name)
            known.output_asked_at_s = seen.asked_at_s
        known.project = _same_if_equal(project, now)

    def _films(self, name: str, listing: Listing, now_s: float) -> tuple[CatalogFilm, ...]:
        """The project's films after this scan."""
        known, watch = self._known[name], self._settings.now.watch
        tracks, films = {}, []
        for film_name, film in listing.films.items():
            track = tracks[film_name] = observe(known.tracks.get(film_name), film.signature, now_s)
            recorded = self._fingerprints.get(film.path)
            if recorded is not None and recorded[0] == film.signature:
                fingerprint: str | None = recorded[1]
                self._check_overwritten(name, film, *recorded)
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

    def _check_overwritten(self, name: str, film: SeenFilm, recorded: Signature, fingerprint: str) -> None:
        """Has the fingerprint read again of a film that may have been overwritten with its size and time restored.

        A film recorded without a change time counts as unchanged, and gets its present change time.
        """
        if recorded.ctime_ns is None:
            self._fingerprints[film.path] = self._newly_settled[film.path] = (film.signature, fingerprint)
            return
        n_read = self._n_read_again[film.path]
        if film.signature.may_hide_other_content(recorded) and n_read < READ_AGAIN_AT_MOST:
            self._n_read_again[film.path] += 1
            self._unread.append((name, film))

    def _projects(self) -> Mapping[str, CatalogProject]:
        """All projects; with an error where outputs of two projects conflict."""
        before = self._catalog.projects
        projects = {name: known.project for name, known in self._known.items()}
        outputs = {
            name: known.disk.output for name, known in self._known.items() if known.project.output_dir is not None
        }
        for name, wrong in self._shared.errors(outputs).items():
            projects[name] = replace(projects[name], problem=wrong)
            if projects[name] == before.get(name):
                projects[name] = before[name]
        return before if projects == before else projects

    def _backlog(self, projects: Iterable[CatalogProject]) -> Backlog | None:
        if self._is_backlog_done:
            return None
        first_s = self._first_scan_at_s
        films = [film for project in projects for film in project.films if film.unchanged_since_s == first_s]
        films = [film for film in films if film.path not in self._unanswered]
        n_read = sum(film.fingerprint is not None for film in films)
        self._is_backlog_done = n_read == len(films)
        return None if self._is_backlog_done else Backlog(n_films=len(films), n_read=n_read)


def _same_if_equal(before: CatalogProject, now: CatalogProject) -> CatalogProject:
    """The object from before if both are equal."""
    return before if now == before else now
