"""What can go wrong with a film or its output, named for the condition. Each prints as one line for a person."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.versions import SCHEMA


class ExtractionError(Exception):
    """A film's extraction ends here; nothing under a final name is half-written."""


class NotAFilm(ExtractionError):
    """No picture of it can be decoded. Trying again gives the same."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class TooMuchFailed(ExtractionError):
    """More of the film than the settings allow could not be decoded by any reader."""

    def __init__(
        self, path: str | os.PathLike[str], failed_fraction: float, allowed: float, ranges: Sequence[FailedRange]
    ) -> None:
        super().__init__(path, failed_fraction, allowed, ranges)
        self.path = os.fspath(path)
        self.failed_fraction = failed_fraction
        self.allowed = allowed
        self.ranges = tuple(ranges)

    def __str__(self) -> str:
        worst = max(self.ranges, key=lambda failed: failed.end_s - failed.start_s)
        others = f" (the longest of {len(self.ranges)} stretches)" if len(self.ranges) > 1 else ""
        return (
            f"{self.path}: {self.failed_fraction:.1%} of it cannot be decoded (allowed: {self.allowed:.1%}); "
            f"{worst.start_s:.2f}-{worst.end_s:.2f} s{others}: {worst.reason}. "
            "Replace the file, or raise max_failed_fraction."
        )


class NeedsWholeFilm(ExtractionError):
    """The stream cannot be read in chunks, as was found while reading it; one decoder must read all of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ReadFailed(ExtractionError):
    """One reader did not decode from a chunk what the demuxer says is in it."""

    def __init__(self, reader: str, reason: str) -> None:
        super().__init__(reader, reason)
        self.reader = reader
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reader}: {self.reason}"


class WorkersKilled(ExtractionError):
    """Workers ended repeatedly, and not because a decoder crashed: the machine's fault, not the film's."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code == -signal.SIGKILL:
            return "worker processes are being killed, probably because memory is short; give the project fewer workers"
        return f"worker processes end at once, with exit code {self.exit_code}; run `frame-extractor` to see why"


class WorkerFault(ExtractionError):
    """An unexpected error in a worker; holds its traceback."""

    def __init__(self, trace: str) -> None:
        super().__init__(trace)
        self.trace = trace

    def __str__(self) -> str:
        return f"fault in a worker: {self.trace.strip().splitlines()[-1]}"


class NewerSchema(Exception):
    """A file was written by a later version of this program, and may hold what this one does not understand."""

    def __init__(self, path: Path, schema: object) -> None:
        super().__init__(path, schema)
        self.path = path
        self.schema = schema

    def __str__(self) -> str:
        return f"{self.path} has schema {self.schema}; this version reads up to {SCHEMA}; use a later version"
