"""Reads the disk: projects, their films, and what is already extracted. Blocking; changes nothing.

A scan never raises: what cannot be read is reported in its result. Functions for a project that a user named do raise.
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
from frame_extractor.contract.settings import ExtractionSettings, Mode
from framed.errors import NoFilm, NoSuchProject, Refused, is_one_name, is_utf8
from framed.model.film_names import FILM_SUFFIXES, MOST_ENTRIES, is_film_name
from framed.model.reasons import RawVideosUnavailable
from framed.reason_text import skipped_lines
from framed.watching.image_presence import ImagePresence
from framed.watching.listing import Listing, SeenFilm, list_films


@dataclass(frozen=True)
class Scan:
    names: tuple[str, ...]
    """Folders in raw_videos that are projects, in order; also links, which may lead to no folder."""
    problem: RawVideosUnavailable | None
    """Why this scan has no result."""
    left_out: tuple[str, ...] = ()
    """Folders whose names are not UTF-8, escaped: they are not projects until they are renamed."""
    loose_films: tuple[str, ...] = ()
    """Films directly in raw_videos, in no project; links to films may be in `names` instead."""
    is_cut_off: bool = False
    """raw_videos has more than MOST_ENTRIES entries; the others were not read."""


class FilmImages(NamedTuple):
    film: str
    """Name of its file when it was extracted."""
    number: int


@dataclass(frozen=True)
class ResultsSummary:
    """What an `extraction_results.json` lists, compared with the images on the disk."""

    read_at_s: float
    """Monotonic; when the reading began."""
    total_frames: int
    """Images that it lists and that exist."""
    complete: dict[str, ExtractionSettings]
    """Fingerprint -> the settings its film was extracted with."""
    made_by: dict[str, str]
    """Fingerprint -> the id of the job that extracted its film."""
    failed: frozenset[str]
    """Fingerprints of films that could not be extracted."""
    missing: frozenset[str]
    """Fingerprints of complete films with missing images: all of them, or some and it is unknown who removed them."""
    removed: dict[str, int]
    """Fingerprint -> number of images of a complete film that the user has removed; only films with any."""
    images: dict[str, FilmImages]
    """Fingerprint -> images, for films that have any."""
    lost_s: float
    """Seconds of the complete films that could not be decoded or are missing in their files."""
    image_folders: tuple[Path, ...]
    """The folders with the images of its complete films."""
    chosen_before: frozenset[str]
    """Fingerprints of complete films that a version before `selection` has extracted."""
    by_earlier_tool: bool
    """Written by the tool that framed replaces, which did not list films: every film counts as complete."""

    def has(self, fingerprint: str, settings: ExtractionSettings | None = None) -> bool:
        """Whether that film is extracted, with these settings or any, and no image is missing.

        Images that the user removed do not count as missing. The daemon and `--dry-run` use this rule; the extractor
        checks again, because only it knows what an interrupted attempt left undone.
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
    """The names of the projects in raw_videos, sorted. Raises OSError."""
    names, _, _ = _entries_of(raw_videos)
    return [name for name in names if is_utf8(name) and os.path.isdir(raw_videos / name)]


def scan_raw_videos(raw_videos: Path) -> Scan:
    """What raw_videos contains. Does not access the projects' own disks."""
    try:
        names, loose, is_cut_off = _entries_of(raw_videos)
    except OSError as failed:
        return Scan((), RawVideosUnavailable(folder=str(raw_videos), error=failed.strerror or str(failed)))
    left_out = tuple(os.fsencode(name).decode(errors="backslashreplace") for name in names if not is_utf8(name))
    return Scan(tuple(filter(is_utf8, names)), None, left_out, tuple(filter(is_utf8, loose)), is_cut_off)


def readable_films(folder: Path, *, subfolders: bool) -> Listing:
    """The films in a project's folder that a user named. Raises Refused when it cannot be read."""
    try:
        return list_films(str(folder), Listing(), subfolders=subfolders)
    except OSError as failed:
        raise Refused(f"{folder} cannot be read: {failed.strerror}") from None


def films_of(folder: Path, *, subfolders: bool) -> tuple[SeenFilm, ...]:
    """The films of the project in that folder; 1 or more. Raises Refused, and NoFilm."""
    listing = readable_films(folder, subfolders=subfolders)
    if not listing.films:
        raise NoFilm(folder, FILM_SUFFIXES, "; ".join(skipped_lines(listing.skipped)) or None)
    return tuple(listing.films.values())


def folder_of(name: str, raw_videos: Path, known: Callable[[], Iterable[str]]) -> Path:
    """The existing folder of the project that a user named.

    Raises NoSuchProject, with a similar name from `known`, and Refused when its disk seems not to be mounted:
    raw_videos cannot be read, or is empty although projects are known.
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
    """The film's identity. One that cannot be read has one too, so that its extraction fails once and not again."""
    try:
        return film_fingerprint(film.path)
    except OSError:
        signature = film.signature
        return f"unreadable-{signature.size_bytes:x}-{signature.mtime_ns:x}-{signature.inode:x}"


def read_results(frames_dir: Path) -> ResultsSummary | None:
    """What is already extracted; None when there are no results or they cannot be read.

    Lists the image folders and opens no image.
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
    numbers |= {fingerprint: presence.there for fingerprint, presence in presences.items()}
    return ResultsSummary(
        read_at_s=read_at_s,
        total_frames=found.total_frames - sum(film.images - numbers[film.fingerprint] for film in found.films),
        complete={film.fingerprint: film.settings for film in complete},
        made_by={film.fingerprint: film.job_id for film in complete},
        failed=frozenset(film.fingerprint for film in found.films if film.status == "failed"),
        missing=frozenset(fingerprint for fingerprint, presence in presences.items() if presence.is_lost),
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
        chosen_before=frozenset(
            film.fingerprint for film in complete if film.wanted is None and film.settings.mode is not Mode.INTERVAL
        ),
        by_earlier_tool=is_earlier_tools and there.number("") > 0,
    )


def _entries_of(raw_videos: Path) -> tuple[list[str], list[str], bool]:
    """Names of folders and links, and of films, both sorted; and whether there are more. Raises OSError."""
    folders, films, n_read = [], [], 0
    with os.scandir(raw_videos) as entries:
        for entry in itertools.islice(entries, MOST_ENTRIES):
            n_read += 1
            # A link is followed later: its target may be on a disk that does not answer.
            if entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                if is_one_name(entry.name):
                    folders.append(entry.name)
            elif is_film_name(entry.name):
                films.append(entry.name)
        is_cut_off = n_read == MOST_ENTRIES and next(entries, None) is not None
    return sorted(folders), sorted(films), is_cut_off
