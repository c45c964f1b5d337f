"""Where a project's output lies: every file and folder of it, by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
    def rejected(self) -> Path:
        """One line for each frame that was wanted and left out."""
        return self.folder / "rejected.jsonl"

    @property
    def rejected_dir(self) -> Path:
        """Images of frames that were left out; only with `keep_all`."""
        return self.folder / "rejected"

    @property
    def temp(self) -> Path:
        """Work in progress; deleted when nothing runs. On the file system of `frames_dir`: renames are atomic."""
        return self.folder / "temp"

    def work_folder(self, attempt: int) -> Path:
        """In `temp`, of this attempt alone."""
        return self.temp / f"framed-{attempt:04d}"

    @property
    def control(self) -> Path:
        """Attempt records, progress, locks, kept scores."""
        return self.folder / ".framed"

    @property
    def scores(self) -> Path:
        """What is known of films from decoding them, by fingerprint."""
        return self.control / "scores"

    def journal(self, fingerprint: str) -> Path:
        """Of a film whose images are being put into `frames/`, or replaced; deleted when its results are saved."""
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
