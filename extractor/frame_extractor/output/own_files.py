"""Which files in `frames/` are ours, and where other files with the name of an image are moved: `frames.aside-1/`.

Ours is a regular file that the manifest or a journal names and that has a size we wrote under that name. A file that
somebody has edited, or put there under the name of an image, is not ours: it is never overwritten and never deleted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

from frame_extractor.contract.durable import entries
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import ManifestEntry
from frame_extractor.output.journal import Journal
from frame_extractor.output.names import frame_index_of

_SET_ASIDE: Final = "aside"


class OwnFiles:
    """The files that were written below one `frames/`, by name and size."""

    def __init__(self, frames_dir: Path) -> None:
        self._frames_dir = frames_dir
        self._sizes: dict[str, set[int | None]] = {}

    @classmethod
    def named_by(cls, layout: OutputLayout, listed: Iterable[ManifestEntry], journals: Iterable[Journal]) -> Self:
        """Those that these entries of the manifest and these journals name."""
        own = cls(layout.frames_dir)
        for entry in listed:
            own.add(entry.file, entry.size_bytes)
        for journal in journals:
            for file, size_bytes in journal.noted():
                own.add(file, size_bytes)
        return own

    def add(self, file: str, size_bytes: int | None) -> None:
        """`file`, relative to `frames/`, may have this size and be ours; None for any size, where it was not noted."""
        self._sizes.setdefault(file, set()).add(size_bytes)

    def __iter__(self) -> Iterator[str]:
        """Every name that was added, whether the file exists or not."""
        return iter(self._sizes)

    def is_present(self, file: str) -> bool:
        """Whether the file exists and is ours."""
        try:
            found = os.lstat(self._frames_dir / file)
        except OSError:
            return False
        if file not in self._sizes or not stat.S_ISREG(found.st_mode):
            return False
        # A power cut leaves an empty file of one of ours; deleting it loses nothing.
        return found.st_size == 0 or not self._sizes[file].isdisjoint({None, found.st_size})

    def is_free(self, file: str) -> bool:
        """Whether `file` may be written or replaced: what is there is ours, or nothing is."""
        return self.is_present(file) or not os.path.lexists(self._frames_dir / file)

    def remove(self, file: str) -> Path | None:
        """It is not in `frames/` any more. A file that is not ours has been set aside: then where it is now."""
        if not self.is_present(file):
            return self.set_aside(file)
        (self._frames_dir / file).unlink(missing_ok=True)
        return None

    def set_aside(self, file: str) -> Path | None:
        """Moves what is there, also a folder or a link, out of `frames/`; returns where to, None for nothing."""
        there = self._frames_dir / file
        if not os.path.lexists(there):
            return None
        number = 1
        # At the same depth, so that a relative link still leads to the same place.
        while os.path.lexists(aside := self._aside_folder(number) / file):
            number += 1
        aside.parent.mkdir(parents=True, exist_ok=True)
        there.rename(aside)
        return aside

    def set_unlisted_aside(self) -> list[Path]:
        """Images in `frames/` itself that are not ours have been moved beside it: where to. Other files stay.

        They are an earlier tool's set, which has been replaced.
        """
        images = (path.name for path in entries(self._frames_dir) if frame_index_of(path.name) is not None)
        moved = (self.set_aside(name) for name in images if not self.is_present(name))
        return [path for path in moved if path is not None]

    def _aside_folder(self, number: int) -> Path:
        return self._frames_dir.with_name(f"{self._frames_dir.name}.{_SET_ASIDE}-{number}")


def has_size(path: Path, size_bytes: int) -> bool:
    """Whether a regular file of this size is there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size_bytes
