"""Whether a film is still what it was when its extraction was begun.

Results are stored under the film's fingerprint, so they must not mix with those of another film: of a file that is
written to, or replaced by another, while it is read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from frame_extractor.attempt.failures import FilmChanged
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.regular import open_regular
from frame_extractor.errors import NotAFilm

MAX_REREADS: Final = 3
"""How often the fingerprint of one film is read again because only its inode or change time has changed."""


class FilmSnapshot:
    """One film as it was found. Enter it while the film is read: then a deleted file is still recognised."""

    def __init__(self, path: Path) -> None:
        """Raises NotAFilm for what is no regular file, OSError when it cannot be read."""
        self.path = path
        # Before the fingerprint, so that a change while that is read is noticed as well.
        self._found = require_regular_file(path)
        self.fingerprint = film_fingerprint(path)
        self._descriptor = -1
        self._n_rereads = 0

    @property
    def modified_ns(self) -> int:
        """When the file was changed last, by the wall clock."""
        return self._found.st_mtime_ns

    def __enter__(self) -> Self:
        """Raises FilmChanged, and OSError when it cannot be read."""
        self._descriptor = open_regular(self.path)
        try:
            self.require()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def require(self, *, at_end: bool = False) -> None:
        """Raises FilmChanged when the file is another one, or was written to. Renamed or deleted, it is the same.

        A new mode, owner, name or link also changes a file's change time, and network file systems change it and the
        inode by themselves: then the fingerprint decides. The last of MAX_REREADS is reserved for the end (`at_end`).
        """
        try:
            now = os.stat(self.path)
            path = self.path
        except FileNotFoundError:
            now = os.fstat(self._descriptor)
            path = Path(f"/proc/self/fd/{self._descriptor}")
        if (now.st_size, now.st_mtime_ns) != (self._found.st_size, self._found.st_mtime_ns):
            raise FilmChanged(self.path)
        if (now.st_ino, now.st_ctime_ns) == (self._found.st_ino, self._found.st_ctime_ns):
            return
        if self._n_rereads < (MAX_REREADS if at_end else MAX_REREADS - 1):
            self._n_rereads += 1
            if film_fingerprint(path) != self.fingerprint:
                raise FilmChanged(self.path)
            self._found = now

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def require_regular_file(film: Path) -> os.stat_result:
    """Raises NotAFilm, or OSError when it is not there. Opening a pipe would block until there is a writer."""
    found = film.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotAFilm(film, "not a regular file; a film must be one")
    return found
