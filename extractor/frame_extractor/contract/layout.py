"""Where a project's output lies: every file and folder of it, by name. Reads folders; writes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORK_MARKER: Final = ".framed-work"
"""File in each work folder of an attempt: only folders that hold it are ever cleared away."""

_WORK_FOLDER: Final = re.compile(r"framed-(\d{4,})")


@dataclass(frozen=True)
class OutputLayout:
    """Where one project's output lies: `frames_dir`, and everything else beside it."""

    frames_dir: Path

    @property
    def folder(self) -> Path:
        return self.frames_dir.parent

    @property
    def results(self) -> Path:
        """The summary of the whole project; written last."""
        return self.folder / "extraction_results.json"

    @property
    def manifest(self) -> Path:
        """One line for each image in `frames_dir`."""
        return self.folder / "frames.jsonl"

    @property
    def temp(self) -> Path:
        """Work in progress; gone when nothing runs. On the file system of `frames_dir`, so that renames are atomic."""
        return self.folder / "temp"

    def work_folder(self, attempt: int) -> Path:
        """In `temp`, of this attempt alone."""
        return self.temp / f"framed-{attempt:04d}"

    def work_folders(self) -> list[Path]:
        """Those in `temp` that attempts have made, by name; never a folder of somebody else's with such a name."""
        try:
            return [path for path in sorted(self.temp.iterdir()) if self._is_work_folder(path)]
        except OSError:
            return []

    def _is_work_folder(self, path: Path) -> bool:
        found = _WORK_FOLDER.fullmatch(path.name)
        if found is None or path.is_symlink() or not path.is_dir():
            return False
        # An attempt that was killed at once has left its folder without marker, and empty.
        return (path / WORK_MARKER).is_file() or (self.started(int(found[1])).exists() and not any(path.iterdir()))

    @property
    def control(self) -> Path:
        """Attempt records, progress, locks, kept scores."""
        return self.folder / ".framed"

    @property
    def scores(self) -> Path:
        """What is known of films from decoding them, by fingerprint."""
        return self.control / "scores"

    def journal(self, fingerprint: str) -> Path:
        """Of a film whose images are being put into `frames/`, or replaced there; gone when its results are saved."""
        return self.control / "publishing" / f"{fingerprint}.jsonl"

    @property
    def progress(self) -> Path:
        return self.control / "progress.json"

    @property
    def control_file(self) -> Path:
        """How much the running attempt may use; see `Control`."""
        return self.control / "control.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the living extractor of this folder."""
        return self.control / "lock"

    def spec(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.spec.json"

    def started(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.started.json"

    def exit(self, attempt: int) -> Path:
        return self.control / f"attempt-{attempt}.exit.json"
