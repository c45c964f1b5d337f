"""Lists the films in one project's folder, and counts what is skipped. Blocking; changes nothing.

Each folder is read once. Opens no file.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from framed.errors import is_utf8
from framed.model.film_names import MOST_DEPTH, MOST_ENTRIES, MOST_FOLDERS, is_film_name, is_other_video_name
from framed.model.reasons import NOTHING_SKIPPED, FilesSkipped
from framed.policy.settle import Signature

_NOT_FOR_FILMS: Final = frozenset({"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"})
"""Folders that file systems and network storage create, in lower case; treated as hidden."""


@dataclass(frozen=True)
class SeenFilm:
    path: str
    signature: Signature
    name: str = ""
    """Relative to the project's folder, with forward slashes."""


@dataclass(frozen=True)
class Listing:
    """The films of one project."""

    films: Mapping[str, SeenFilm] = field(default_factory=dict)
    """By name, sorted."""
    folders: Mapping[str, int] = field(default_factory=dict)
    """Path of each folder with films -> its mtime_ns before it was read, which changes when a film is added, removed
    or replaced by another file.
    """
    takes_subfolders: bool = False
    skipped: FilesSkipped = NOTHING_SKIPPED


def is_unchanged(before: Listing, *, subfolders: bool) -> bool:
    """Whether no film was added or removed; a film overwritten in place is not noticed. Raises OSError."""
    if before.takes_subfolders != subfolders or not before.folders:
        return False
    return all(os.stat(path).st_mtime_ns == mtime_ns for path, mtime_ns in before.folders.items())


def list_films(folder: str, before: Listing, *, subfolders: bool) -> Listing:
    """The project's films now. Raises OSError when its folder cannot be read.

    `before`: the result of an earlier call; if no film has changed, the same mapping is returned. Links to folders are
    followed, but not to a folder that contains the project; no folder is read twice.
    """
    walk = _Walk(folder, before.films, subfolders=subfolders)
    walk.run()
    is_as_before = walk.n_same == len(walk.films) == len(before.films)
    films = before.films if is_as_before else dict(sorted(walk.films.items()))
    return Listing(films, walk.folders, subfolders, walk.skipped)


class _Walk:
    """Walks the project's folder and its subfolders, breadth first, links last."""

    def __init__(self, folder: str, before: Mapping[str, SeenFilm], *, subfolders: bool) -> None:
        self.films: dict[str, SeenFilm] = {}
        self.n_same = 0
        self.folders: dict[str, int] = {}
        self._folder = folder
        self._before = before
        self._subfolders = subfolders
        self._n_left = MOST_ENTRIES
        self._visited: set[tuple[int, int]] = set()
        self._queue: deque[tuple[str, str, int]] = deque([(folder, "", 0)])
        """Path, prefix of the names in it, depth."""
        self._links: deque[tuple[str, str, int]] = deque()
        self._counts: dict[str, int] = {}
        self._other_video: str | None = None
        self._is_cut_off = False

    @property
    def skipped(self) -> FilesSkipped:
        return FilesSkipped(**self._counts, other_video=self._other_video, is_cut_off=self._is_cut_off)

    def run(self) -> None:
        while self._queue or self._links:
            path, prefix, depth = self._queue.popleft() if self._queue else self._links.popleft()
            if len(self._visited) >= MOST_FOLDERS or not self._n_left:
                self._is_cut_off = True
                return
            try:
                self._read(path, prefix, depth)
            except OSError:
                if not depth:
                    raise
                self._count("unreadable_folders")

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _read(self, path: str, prefix: str, depth: int) -> None:
        stat = os.stat(path)
        if (stat.st_dev, stat.st_ino) in self._visited:
            return
        self._visited.add((stat.st_dev, stat.st_ino))
        is_taken = self._subfolders or not depth
        if is_taken:
            self.folders[path] = stat.st_mtime_ns
        below: list[os.DirEntry[str]] = []
        n_read = 0
        with os.scandir(path) as entries:
            for entry in itertools.islice(entries, self._n_left):
                n_read += 1
                try:
                    if not self._record_video(entry, prefix, is_taken=is_taken) and _may_be_folder(entry):
                        below.append(entry)
                except OSError:
                    continue
            self._n_left -= n_read
            if not self._n_left and next(entries, None) is not None:
                self._is_cut_off = True
        self._enqueue(below, prefix, depth + 1)

    def _record_video(self, entry: os.DirEntry[str], prefix: str, *, is_taken: bool) -> bool:
        """Records or counts a video; returns whether it is one. Raises OSError."""
        name = prefix + entry.name
        film = self._before.get(name)
        if film is None and not is_film_name(entry.name):
            is_other_video = is_other_video_name(entry.name) and entry.is_file()
            if is_other_video:
                self._count_other_video(name)
            return is_other_video
        if not entry.is_file():
            return False
        if not is_utf8(entry.name):
            self._count("not_utf8")
        elif is_taken:
            self._record_film(name, film, entry)
        else:
            self._count("in_subfolders")
        return True

    def _record_film(self, name: str, film: SeenFilm | None, entry: os.DirEntry[str]) -> None:
        stat = entry.stat()
        if film is not None and _is_same(film.signature, stat):
            self.n_same += 1
        else:
            film = SeenFilm(entry.path, Signature(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns), name)
        self.films[name] = film

    def _count_other_video(self, name: str) -> None:
        self._count("other_videos")
        if is_utf8(name) and (not self._other_video or name < self._other_video):
            self._other_video = name

    def _enqueue(self, below: list[os.DirEntry[str]], prefix: str, depth: int) -> None:
        for entry in sorted(below, key=lambda each: each.name):
            is_link = entry.is_symlink()
            if is_link and not self._leads_elsewhere(entry):
                continue
            if depth > MOST_DEPTH:
                self._count("too_deep_folders")
            elif not is_utf8(entry.name):
                self._count("not_utf8")
            else:
                (self._links if is_link else self._queue).append((entry.path, f"{prefix}{entry.name}/", depth))

    def _leads_elsewhere(self, link: os.DirEntry[str]) -> bool:
        """Whether it links to a folder that does not contain the project itself."""
        if not os.path.exists(link.path):
            if is_film_name(link.name):
                self._count("broken_links")
            return False
        target = os.path.join(os.path.realpath(link.path), "")
        return os.path.isdir(target) and not os.path.join(os.path.realpath(self._folder), "").startswith(target)


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a visible folder, or a link, which is not followed yet."""
    if entry.name.startswith(".") or entry.name.casefold() in _NOT_FOR_FILMS:
        return False
    return entry.is_symlink() or entry.is_dir(follow_symlinks=False)


def _is_same(seen: Signature, stat: os.stat_result) -> bool:
    return (
        seen.ctime_ns == stat.st_ctime_ns
        and seen.mtime_ns == stat.st_mtime_ns
        and seen.size_bytes == stat.st_size
        and seen.inode == stat.st_ino
    )
