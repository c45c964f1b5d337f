"""The files by which an attempt is controlled and observed: `.framed/` in its output folder. Blocking.

The extractor writes them and may die at any moment, so a file that cannot be read counts as missing.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from frame_extractor.contract.attempt import AttemptSpec, Control, ExitRecord, Progress, StartedRecord
from frame_extractor.contract.attempt_numbers import attempt_numbers
from frame_extractor.contract.durable import write_atomically
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.regular import read_regular, reading
from frame_extractor.contract.work_folders import remove_content, work_folders
from framed.model.job import Job

T = TypeVar("T")

_MOST_RECORD_BYTES: Final = 1 << 26
"""A specification lists all films of its project."""
_CLEARING_S: Final = 2.0
_LOG_TAIL_BYTES: Final = 8192
_LOG_TAIL_LINES: Final = 5
_LONGEST_LINE: Final = 300


@dataclass(frozen=True)
class Reports:
    """What an attempt has reported so far."""

    progress: Progress | None
    exit: ExitRecord | None


@dataclass(frozen=True)
class PastAttempt:
    """What is left of one attempt."""

    spec: AttemptSpec
    started: StartedRecord | None
    exit: ExitRecord | None


def layout_of(job: Job) -> OutputLayout:
    """The files of the job's output folder."""
    return OutputLayout(Path(job.options.frames_dir))


def past_attempts(layout: OutputLayout) -> list[PastAttempt]:
    """Those of the folder that framed has started or was about to start, by number."""
    past = []
    for number in attempt_numbers(layout):
        spec = _read(layout.spec(number), AttemptSpec)
        if spec is not None and spec.attempt == number:
            started, ended = _read(layout.started(number), StartedRecord), _read(layout.exit(number), ExitRecord)
            past.append(PastAttempt(spec, started, ended))
    return past


def write_spec(spec: AttemptSpec) -> None:
    """The specification is in its place, complete and durable. Raises OSError."""
    write_atomically(spec.layout.spec(spec.attempt), msgspec.json.format(msgspec.json.encode(spec)))


def write_control(layout: OutputLayout, control: Control) -> None:
    """The running attempt reads it at its next chunk. Raises OSError."""
    write_atomically(layout.control_file, msgspec.json.encode(control) + b"\n", durable=False)


def read_control(layout: OutputLayout, number: int) -> Control | None:
    """The control file last written for attempt `number`; None when there is none."""
    control = _read(layout.control_file, Control)
    return control if control is not None and control.attempt == number else None


def started_process(layout: OutputLayout, number: int) -> ProcessIdentity | None:
    """The process that works, or worked, on attempt `number`; None until it has recorded that it started."""
    started = _read(layout.started(number), StartedRecord)
    return started.process if started is not None and started.attempt == number else None


def read_reports(layout: OutputLayout, number: int) -> Reports:
    """What attempt `number` has reported so far."""
    ended = _read(layout.exit(number), ExitRecord)
    progress = _read(layout.progress, Progress)
    return Reports(
        progress=progress if progress is not None and progress.attempt == number else None,
        exit=ended if ended is not None and ended.attempt == number else None,
    )


def clear_temp(layout: OutputLayout) -> None:
    """What killed attempts left in `temp/` is gone, and `temp/` with it when nothing else is in it.

    Nothing is touched while somebody works in the folder, and nobody begins to while this clears it.
    """
    try:
        with layout.lock.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            until_s = time.monotonic() + _CLEARING_S
            # A killed extractor's workers end with it, but not in the same instant: one may still write.
            while left := work_folders(layout):
                for path in left:
                    remove_content(path)
                if time.monotonic() > until_s:
                    break
                time.sleep(0.02)
            layout.temp.rmdir()
    except OSError:
        return


def last_lines(log: Path) -> tuple[str, ...]:
    """The last lines of a log that are not empty, for a person; none when it cannot be read."""
    try:
        with reading(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            text = file.read(_LOG_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ()
    lines = [line.rstrip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    return tuple(lines[-_LOG_TAIL_LINES:])


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(read_regular(path, _MOST_RECORD_BYTES), type=kind)
    except (OSError, ValueError, RecursionError):
        return None
