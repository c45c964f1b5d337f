"""The catalog: what is known of every project's films, as one look after the other has seen them. Blocking.

Which files lie there and how they change is on the disk (`scan`), when one of them is whole is `policy.settle`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from frame_extractor.contract import OutputLayout
from framed.errors import SettingsError
from framed.faults import Faults
from framed.model.job import JobFilm
from framed.model.project import Overrides
from framed.policy.settle import Signature, Track, is_settled, observe
from framed.settings.config import output_shared, outputs_in_the_way, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.watching.scan import FoundResults, SeenFilm, fingerprint_of, read_results, scan_raw_videos

MOST_READ_PER_LOOK: Final = 32
"""Films whose fingerprint is read in one look; a backlog is spread over several, so that each ends soon."""


@dataclass(frozen=True)
class CatalogFilm:
    name: str
    path: str
    fingerprint: str | None
    """None while it settles."""
    unchanged_since_s: float
    """Monotonic."""
    size_bytes: int
    modified_ns: int
    """Of the wall clock, as the file system says."""


@dataclass(frozen=True)
class CatalogProject:
    films: tuple[CatalogFilm, ...]
    """By name."""
    output_dir: str
    """Its `frames/`; empty when its settings file is wrong."""
    results: FoundResults | None
    settings_error: str
    """What is wrong with the project's settings file, or what of framed fails at the project; empty when nothing."""

    @property
    def settled(self) -> tuple[JobFilm, ...]:
        return tuple(
            JobFilm(path=film.path, fingerprint=film.fingerprint) for film in self.films if film.fingerprint is not None
        )

    @property
    def settling(self) -> tuple[CatalogFilm, ...]:
        return tuple(film for film in self.films if film.fingerprint is None)

    def settling_words(self, now_s: float) -> str:
        """`settling: onward.ts unchanged for 4 s`; empty when all have settled."""
        if not self.settling:
            return ""
        latest = max(self.settling, key=lambda film: film.unchanged_since_s)
        return f"settling: {latest.name} unchanged for {now_s - latest.unchanged_since_s:.0f} s"

    def is_extracted(self, fingerprint: str) -> bool:
        """Whether the results on the disk have that film, with whatever settings."""
        return self.results is not None and self.results.has(fingerprint)


@dataclass(frozen=True)
class Catalog:
    projects: Mapping[str, CatalogProject] = field(default_factory=dict)
    problem: str = "looking for films"
    """Why it is not believed just now (then it is the last that was); empty when it is."""
    looked_at_s: float = 0.0
    """Monotonic; when the look began."""
    is_partial: bool = False
    """Some settled films have not been read yet; look again."""
    left_out: tuple[str, ...] = ()
    """Folders that are no projects because their names are not UTF-8, as they can be shown."""


@dataclass
class _Known:
    """What is kept of one project from look to look."""

    settings_signature: Signature | None = None
    output_dir: str = ""
    settings_error: str = ""
    results_signature: tuple[Signature | None, ...] = ()
    """Of the file, then of the folders of images."""
    results: FoundResults | None = None


class CatalogKeeper:
    """Looks, and remembers what it saw. Only one thread at a time."""

    def __init__(self, places: Places, settings: LiveSettings, remembered: Mapping[str, tuple[Signature, str]]) -> None:
        """`remembered`: path -> signature and fingerprint of films that had settled before; they need not again."""
        self._places = places
        self._settings = settings
        self._fingerprints = dict(remembered)
        self._tracks: dict[str, Track] = {}
        self._known: dict[str, _Known] = {}
        self._catalog = Catalog()
        self._newly_settled: dict[str, tuple[Signature, str]] = {}
        self._faults = Faults("look for its films")

    def take_newly_settled(self) -> dict[str, tuple[Signature, str]]:
        """What settled since this was last asked, to be remembered."""
        taken, self._newly_settled = self._newly_settled, {}
        return taken

    def look(self, now_s: float) -> Catalog:
        """The catalog after one more look at the disk."""
        raw_videos = self._places.raw_videos
        scan = scan_raw_videos(raw_videos)
        problem = scan.problem
        if not scan.projects and not problem and self._has_seen_some():
            problem = f"{raw_videos} is empty, or its disk is not mounted"
        if problem:
            self._catalog = Catalog(self._catalog.projects, problem, now_s)
            return self._catalog
        self._unread = MOST_READ_PER_LOOK
        tracks: dict[str, Track] = {}
        projects = {}
        for name, films in scan.projects.items():
            before = self._catalog.projects.get(name)
            seen = before.films if before is not None else ()
            try:
                if films is None:
                    tracks |= {film.path: self._tracks[film.path] for film in seen if film.path in self._tracks}
                else:
                    seen = tuple(self._film(film, tracks, now_s) for film in films)
                projects[name] = self._project(name, seen)
            except Exception as fault:  # noqa: BLE001 -- logged; it must cost neither the other projects nor the service
                projects[name] = CatalogProject(seen, "", None, self._faults.words(name, fault))
            else:
                self._faults.over(name)
        self._tracks = tracks
        self._known = {name: known for name, known in self._known.items() if name in projects}
        self._keep_apart(projects)
        self._catalog = Catalog(projects, "", now_s, is_partial=self._unread < 0, left_out=scan.left_out)
        return self._catalog

    def _keep_apart(self, projects: dict[str, CatalogProject]) -> None:
        """Projects that are in the way of each other's output are wrong, each of them."""
        outputs = {name: Path(project.output_dir) for name, project in projects.items() if project.output_dir}
        for name, other in outputs_in_the_way(outputs).items():
            wrong = output_shared(self._places, outputs, name, other)
            projects[name] = replace(projects[name], settings_error=str(wrong))

    def _has_seen_some(self) -> bool:
        """Whether there was ever something in raw_videos; a new one is empty for no worse reason than that."""
        prefix = f"{self._places.raw_videos}{os.sep}"
        return bool(self._catalog.projects) or any(path.startswith(prefix) for path in self._fingerprints)

    def _film(self, film: SeenFilm, tracks: dict[str, Track], now_s: float) -> CatalogFilm:
        track = tracks[film.path] = observe(self._tracks.get(film.path), film.signature, now_s)
        signature, fingerprint = self._fingerprints.get(film.path, (None, None))
        if signature != film.signature:
            fingerprint = None
            watch = self._settings.now.watch
            if is_settled(track, now_s, settle_s=watch.settle_s, settle_scans=watch.settle_scans):
                self._unread -= 1
                if self._unread >= 0:
                    fingerprint = fingerprint_of(film)
                    self._fingerprints[film.path] = self._newly_settled[film.path] = (film.signature, fingerprint)
        return CatalogFilm(
            film.name,
            film.path,
            fingerprint,
            track.unchanged_since_s,
            film.signature.size_bytes,
            film.signature.mtime_ns,
        )

    def _project(self, name: str, films: tuple[CatalogFilm, ...]) -> CatalogProject:
        known = self._known.setdefault(name, _Known())
        signature = _signature(self._places.project_file(name))
        if not known.output_dir or signature != known.settings_signature:
            try:
                resolved = resolve(self._settings.now, self._places, name, Overrides())
                known.output_dir, known.settings_error = str(resolved.frames_dir), ""
            except SettingsError as wrong:
                known.output_dir, known.settings_error = "", str(wrong)
            known.settings_signature = signature
        if known.output_dir:
            frames_dir = Path(known.output_dir)
            # Of the folders known so far: results that name another one are read once more, at the next look.
            seen = _results_signature(frames_dir, known.results)
            if seen != known.results_signature:
                known.results_signature = seen
                known.results = read_results(frames_dir) if seen[0] else None
        return CatalogProject(films, known.output_dir, known.results, known.settings_error)


def _results_signature(frames_dir: Path, results: FoundResults | None) -> tuple[Signature | None, ...]:
    folders = results.image_folders if results is not None else ()
    return tuple(_signature(path) for path in (OutputLayout(frames_dir).results, *folders))


def _signature(path: Path) -> Signature | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return Signature(stat.st_size, stat.st_mtime_ns, stat.st_ino)
