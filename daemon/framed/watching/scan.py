"""One look at the disk: which films lie in which project, and what is already extracted. Blocking; changes nothing.

What cannot be read is said so and does not stop the rest: a look never raises. What a person asks for by name does.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from frame_extractor.contract import ExtractionSettings, FilmResult, OutputLayout, film_fingerprint
from framed.errors import NoFilm, NoSuchProject, Refused, is_one_name, is_utf8
from framed.model.project import FILM_SUFFIXES, is_film_name
from framed.policy.settle import Signature
from framed.watching.presence import ImagesThere

MOST_ENTRIES: Final = 20_000
"""Of one folder that are looked at: somebody may point raw_videos at the wrong place."""


@dataclass(frozen=True)
class SeenFilm:
    path: str
    signature: Signature

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


@dataclass(frozen=True)
class Listing:
    """The films in one folder."""

    films: Mapping[str, SeenFilm] = field(default_factory=dict)
    """By their names, in order."""
    folder_mtime_ns: int = 0
    """Of the folder, before it was read; it changes when a film comes, goes, or is replaced by another file."""


@dataclass(frozen=True)
class Scan:
    projects: dict[str, Listing | str]
    """Where the folder could not be read just now, why."""
    problem: str
    """Why nothing can be concluded from this scan; empty when all is well."""
    left_out: tuple[str, ...] = ()
    """Folders whose names are no text, as they can be shown: they are no projects until they are renamed."""


class FilmImages(NamedTuple):
    film: str
    """What its file was called."""
    number: int


@dataclass(frozen=True)
class FoundResults:
    """What an `extraction_results.json` says is done."""

    read_at_s: float
    """Monotonic; when the reading began."""
    total_frames: int
    """Images it lists that are there."""
    complete: dict[str, ExtractionSettings]
    """Fingerprint -> the settings its film was extracted with."""
    made_by: dict[str, str]
    """Fingerprint -> the id of the job that extracted its film."""
    failed: frozenset[str]
    """Fingerprints of films that could not be extracted."""
    gone: frozenset[str]
    """Fingerprints of complete films that have lost their images: all, or some and nobody knows by whose doing."""
    removed: dict[str, int]
    """Fingerprint -> how many images of a complete film its user has removed; only films with any."""
    images: dict[str, FilmImages]
    """By fingerprint, of the films of which some are there."""
    lost_s: float
    """Film time of the complete films that could not be decoded, or is missing in their files."""
    image_folders: tuple[Path, ...]
    """Where the images lie that it counts on."""
    by_earlier_tool: bool
    """Written by the tool before framed, which did not list its films: what is there counts as complete."""

    def has(self, fingerprint: str, settings: ExtractionSettings | None = None) -> bool:
        """Whether that film is extracted, with these settings or with any, and its images are there.

        The one rule for the daemon and `--dry-run`: all of them but those that a user has removed. The extractor, which
        knows what it has left undone, has the last word.
        """
        if self.by_earlier_tool:
            return True
        if fingerprint in self.gone:
            return False
        return fingerprint in self.complete and settings in (None, self.complete[fingerprint])


class _ResultsFile(msgspec.Struct, frozen=True):
    total_frames: int = 0
    films: tuple[FilmResult, ...] = ()


def project_names(raw_videos: Path) -> list[str]:
    """The folders in raw_videos that are projects, by name. Raises OSError."""
    return [name for name in _folders(raw_videos) if is_utf8(name)]


def scan_raw_videos(raw_videos: Path, before: Mapping[str, Listing], quick: Collection[str] = ()) -> Scan:
    """Every project folder and its films. An unreadable raw_videos is a problem: its disk may be away.

    `before`: what an earlier scan saw; films that are as they were then are the same mapping. A folder in `quick` is
    only read when its own time has changed: that a film was overwritten there is not noticed.
    """
    try:
        folders = _folders(raw_videos)
    except OSError as failed:
        return Scan({}, f"{raw_videos} cannot be read: {failed.strerror}")
    projects: dict[str, Listing | str] = {}
    for name in filter(is_utf8, folders):
        try:
            projects[name] = _listed(os.path.join(raw_videos, name), before.get(name, Listing()), quick=name in quick)
        except OSError as failed:
            projects[name] = f"{raw_videos / name} cannot be read: {failed.strerror}"
    left_out = tuple(os.fsencode(name).decode(errors="backslashreplace") for name in folders if not is_utf8(name))
    return Scan(projects, "", left_out)


def films_in(folder: Path) -> tuple[SeenFilm, ...]:
    """The films in a project's folder, by name. Raises OSError when the folder cannot be read."""
    return tuple(_listed(str(folder), Listing()).films.values())


def readable_films(folder: Path) -> tuple[SeenFilm, ...]:
    """The same, for a person who asks. Raises Refused when the folder cannot be read."""
    try:
        return films_in(folder)
    except OSError as failed:
        raise Refused(f"{folder} cannot be read: {failed.strerror}") from None


def films_of(name: str, raw_videos: Path, known: Callable[[], Iterable[str]]) -> tuple[SeenFilm, ...]:
    """The films of the project that a person has named; 1 or more. Raises as the next one, and NoFilm."""
    folder = folder_of(name, raw_videos, known)
    films = readable_films(folder)
    if not films:
        raise NoFilm(folder, FILM_SUFFIXES)
    return films


def folder_of(name: str, raw_videos: Path, known: Callable[[], Iterable[str]]) -> Path:
    """The folder of the project that a person has named, which is there.

    Raises NoSuchProject, with what is near to it in `known`, and Refused when its disk seems to be away: raw_videos
    cannot be read, or is empty although something is known.
    """
    folder = raw_videos / name
    if is_one_name(name) and os.path.isdir(folder):
        return folder
    try:
        is_empty = not project_names(raw_videos)
    except OSError as failed:
        raise Refused(f"{raw_videos} cannot be read: {failed.strerror}; is its disk mounted?") from None
    others = tuple(known())
    if others and is_empty:
        raise Refused(f"{raw_videos} is empty; is its disk mounted?")
    raise NoSuchProject(name, raw_videos, others)


def fingerprint_of(film: SeenFilm) -> str:
    """The film's identity. One that cannot be read has one as well: extracting it will fail, and once is enough."""
    try:
        return film_fingerprint(film.path)
    except OSError:
        signature = film.signature
        return f"unreadable-{signature.size_bytes:x}-{signature.mtime_ns:x}-{signature.inode:x}"


def read_results(frames_dir: Path) -> FoundResults | None:
    """What is extracted already; None when there are no results or nothing can be made of them.

    Lists the folders of images, and looks at no image.
    """
    read_at_s = time.monotonic()
    try:
        found = msgspec.json.decode(OutputLayout(frames_dir).results.read_bytes(), type=_ResultsFile)
    except (OSError, ValueError, RecursionError):
        return None
    is_earlier_tools = not found.films and found.total_frames > 0
    complete = [film for film in found.films if film.status == "complete"]
    folders = {film.folder: frames_dir / film.folder for film in complete if film.images}
    if is_earlier_tools:
        folders[""] = frames_dir
    there = ImagesThere(OutputLayout(frames_dir), folders)
    presences = {film.fingerprint: there.of(film) for film in complete if film.images}
    numbers = {film.fingerprint: film.images for film in found.films}
    numbers |= {mark: presence.there for mark, presence in presences.items()}
    return FoundResults(
        read_at_s=read_at_s,
        total_frames=found.total_frames - sum(film.images - numbers[film.fingerprint] for film in found.films),
        complete={film.fingerprint: film.settings for film in complete},
        made_by={film.fingerprint: film.job_id for film in complete},
        failed=frozenset(film.fingerprint for film in found.films if film.status == "failed"),
        gone=frozenset(mark for mark, presence in presences.items() if presence.is_lost),
        removed={
            film.fingerprint: n
            for film in complete
            if (n := presences[film.fingerprint].removed if film.images else film.removed)
        },
        images={
            film.fingerprint: FilmImages(film.name, numbers[film.fingerprint])
            for film in found.films
            if numbers[film.fingerprint] > 0
        },
        lost_s=sum(lost.end_s - lost.start_s for film in complete for lost in film.failed_ranges),
        image_folders=tuple(folders.values()),
        by_earlier_tool=is_earlier_tools and there.number("") > 0,
    )


def _listed(folder: str, before: Listing, *, quick: bool = False) -> Listing:
    """The folder's films now; `before` itself when that is not looked into. Raises OSError."""
    mtime_ns = os.stat(folder).st_mtime_ns
    if quick and mtime_ns == before.folder_mtime_ns:
        return before
    found: dict[str, SeenFilm] = {}
    n_same = 0
    for entry in _entries(folder):
        name = entry.name
        film = before.films.get(name)
        if film is None and not (is_film_name(name) and is_utf8(name)):
            continue
        try:
            if not entry.is_file():
                continue
            stat = entry.stat()
        except OSError:
            continue
        if film is not None and _is_same(film.signature, stat):
            n_same += 1
        else:
            film = SeenFilm(entry.path, Signature(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns))
        found[name] = film
    is_as_before = n_same == len(found) == len(before.films)
    return Listing(before.films if is_as_before else dict(sorted(found.items())), mtime_ns)


def _is_same(seen: Signature, stat: os.stat_result) -> bool:
    return (
        seen.ctime_ns == stat.st_ctime_ns
        and seen.mtime_ns == stat.st_mtime_ns
        and seen.size_bytes == stat.st_size
        and seen.inode == stat.st_ino
    )


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from itertools.islice(entries, MOST_ENTRIES)


def _folders(raw_videos: Path) -> list[str]:
    return sorted(entry.name for entry in _entries(raw_videos) if _is_visible_folder(entry))


def _is_visible_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return is_one_name(entry.name) and entry.is_dir()
    except OSError:
        return False
