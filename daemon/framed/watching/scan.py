"""One look at the disk: which films lie in which project, and what is already extracted. Blocking; changes nothing.

What cannot be read is said so and does not stop the rest: a look never raises. What a person asks for by name does.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.regular import read_regular
from frame_extractor.contract.results import MOST_RESULTS_BYTES, FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from framed.errors import NoFilm, NoSuchProject, Refused, is_one_name, is_utf8
from framed.model.film_names import FILM_SUFFIXES, is_film_name
from framed.watching.image_presence import ImagePresence
from framed.watching.listing import MOST_ENTRIES, Listing, SeenFilm, list_films, skipped_text


@dataclass(frozen=True)
class Scan:
    names: tuple[str, ...]
    """Of the folders in raw_videos that are projects, in order, and of links, which may lead to none."""
    problem: str
    """Why nothing can be concluded from this scan; empty when all is well."""
    left_out: tuple[str, ...] = ()
    """Folders whose names are no text, as they can be shown: they are no projects until they are renamed."""
    loose_films: tuple[str, ...] = ()
    """Films that lie in raw_videos itself, in no project; links to films may be among `names` instead."""
    is_cut_off: bool = False
    """There is more in raw_videos than MOST_ENTRIES, and the rest was not read."""


class FilmImages(NamedTuple):
    film: str
    """What its file was called."""
    number: int


@dataclass(frozen=True)
class ResultsSummary:
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
    missing: frozenset[str]
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
        if fingerprint in self.missing:
            return False
        return fingerprint in self.complete and settings in (None, self.complete[fingerprint])


class _ResultsFile(msgspec.Struct, frozen=True):
    total_frames: int = 0
    films: tuple[FilmResult, ...] = ()


def project_names(raw_videos: Path) -> list[str]:
    """The folders in raw_videos that are projects, by name. Raises OSError."""
    names, _, _ = _entries_of(raw_videos)
    return [name for name in names if is_utf8(name) and os.path.isdir(raw_videos / name)]


def scan_raw_videos(raw_videos: Path) -> Scan:
    """What lies there, without a question to any project's own disk. That it cannot be read is a problem."""
    try:
        names, loose, is_cut_off = _entries_of(raw_videos)
    except OSError as failed:
        return Scan((), f"{raw_videos} cannot be read: {failed.strerror}")
    left_out = tuple(os.fsencode(name).decode(errors="backslashreplace") for name in names if not is_utf8(name))
    return Scan(tuple(filter(is_utf8, names)), "", left_out, tuple(filter(is_utf8, loose)), is_cut_off)


def readable_films(folder: Path, *, subfolders: bool) -> Listing:
    """What lies in a project's folder, for a person who asks. Raises Refused when it cannot be read."""
    try:
        return list_films(str(folder), Listing(), subfolders=subfolders)
    except OSError as failed:
        raise Refused(f"{folder} cannot be read: {failed.strerror}") from None


def films_of(folder: Path, *, subfolders: bool) -> tuple[SeenFilm, ...]:
    """The films of the project in that folder; 1 or more. Raises Refused, and NoFilm."""
    listing = readable_films(folder, subfolders=subfolders)
    if not listing.films:
        raise NoFilm(folder, FILM_SUFFIXES, "; ".join(skipped_text(listing.skipped)))
    return tuple(listing.films.values())


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


def read_results(frames_dir: Path) -> ResultsSummary | None:
    """What is extracted already; None when there are no results or nothing can be made of them.

    Lists the folders of images, and looks at no image.
    """
    read_at_s = time.monotonic()
    try:
        found = msgspec.json.decode(
            read_regular(OutputLayout(frames_dir).results, MOST_RESULTS_BYTES), type=_ResultsFile
        )
    except (OSError, ValueError, RecursionError):
        return None
    is_earlier_tools = not found.films and found.total_frames > 0
    complete = [film for film in found.films if film.status == "complete"]
    folders = {film.folder: frames_dir / film.folder for film in complete if film.images}
    if is_earlier_tools:
        folders[""] = frames_dir
    there = ImagePresence(OutputLayout(frames_dir), folders)
    presences = {film.fingerprint: there.of(film) for film in complete if film.images}
    numbers = {film.fingerprint: film.images for film in found.films}
    numbers |= {mark: presence.there for mark, presence in presences.items()}
    return ResultsSummary(
        read_at_s=read_at_s,
        total_frames=found.total_frames - sum(film.images - numbers[film.fingerprint] for film in found.films),
        complete={film.fingerprint: film.settings for film in complete},
        made_by={film.fingerprint: film.job_id for film in complete},
        failed=frozenset(film.fingerprint for film in found.films if film.status == "failed"),
        missing=frozenset(mark for mark, presence in presences.items() if presence.is_lost),
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


def _entries_of(raw_videos: Path) -> tuple[list[str], list[str], bool]:
    """Names of folders and links, and of films, both in order; and whether there is more. Raises OSError."""
    folders, films, n_read = [], [], 0
    with os.scandir(raw_videos) as entries:
        for entry in itertools.islice(entries, MOST_ENTRIES):
            n_read += 1
            # Where a link leads is asked later: it may be a disk that does not answer.
            if entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                if is_one_name(entry.name):
                    folders.append(entry.name)
            elif is_film_name(entry.name):
                films.append(entry.name)
        is_cut_off = n_read == MOST_ENTRIES and next(entries, None) is not None
    return sorted(folders), sorted(films), is_cut_off
