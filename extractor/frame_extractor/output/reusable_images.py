"""Images that earlier attempts have made of a film exactly as they are wanted now, by frame.

They may lie in `frames/` under any name, or in the work folder; each may be incomplete after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from frame_extractor.contract.results import ManifestEntry
from frame_extractor.output.journal import JournalHeader, NotedImage
from frame_extractor.output.names import frame_index_of
from frame_extractor.output.own_files import OwnFiles, has_size


class ReusableImages:
    """Paths of images, by the index of the frame that they show."""

    def __init__(self) -> None:
        self._paths: dict[int, list[Path]] = {}

    def add(self, paths: Iterable[Path]) -> None:
        """Those of them whose names are names of images."""
        for path in paths:
            frame_index = frame_index_of(path.name)
            if frame_index is not None:
                self._paths.setdefault(frame_index, []).append(path)

    def add_journaled(
        self,
        frames_dir: Path,
        own: OwnFiles,
        sections: Sequence[tuple[JournalHeader, list[NotedImage]]],
        is_usable: Callable[[JournalHeader], bool],
    ) -> None:
        """What the last sections of the journal name, back to one that is not usable."""
        for section, images in reversed(sections):
            if not is_usable(section):
                return
            self.add(frames_dir / name for name, _ in images if own.is_present(name))
            if section.restarts:
                return

    def add_listed(self, frames_dir: Path, listed: Iterable[ManifestEntry]) -> None:
        """What the manifest lists and nobody has changed since."""
        sizes = {entry.file: entry.size_bytes for entry in listed}
        self.add(path for file, size in sizes.items() if has_size(path := frames_dir / file, size))

    def of(self, frame_index: int) -> Sequence[Path]:
        return self._paths.get(frame_index, ())

    def clear(self) -> None:
        self._paths.clear()
