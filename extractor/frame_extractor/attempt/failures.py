"""What went wrong -> exit code and one line for a person. The only place that decides it."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.errors import NewerSchema, NotAFilm, TooMuchFailed, WorkersKilled
from frame_extractor.signals import Interrupted

RETRYABLE = frozenset(
    {
        ExitCode.INTERNAL,
        ExitCode.OUTPUT_NOT_MADE,
        ExitCode.OUTPUT_NOT_WRITTEN,
        ExitCode.DISK_FULL,
        ExitCode.NOT_PERMITTED,
        ExitCode.FILM_CHANGED,
    }
)
"""Another attempt may succeed."""


class Refused(Exception):
    """A command cannot start; holds the line for the person and the exit code."""

    def __init__(self, line: str, code: ExitCode) -> None:
        super().__init__(line)
        self.code = code


class OutputUnusable(Exception):
    """The output folder cannot be created, or cannot be used as it is."""


class OutputBusy(Exception):
    """Another extractor works in the output folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(folder, holder)
        self.folder = folder
        self.holder = holder

    def __str__(self) -> str:
        return f"{self.folder} is in use by {self.holder}; nothing was changed. Wait until it has ended, or end it."


class Superseded(Exception):
    """A newer attempt has begun in the output folder; this one must not change it any more."""

    def __init__(self, folder: Path, by: int) -> None:
        """`by`: the number of the newer attempt."""
        super().__init__(folder, by)
        self.folder = folder
        self.by = by

    def __str__(self) -> str:
        return f"attempt {self.by} has begun in {self.folder}; this one has ended, and changes nothing there"


class FilmChanged(Exception):
    """The file is not what it was when its extraction began: it is still being copied, or was replaced."""

    def __init__(self, film: Path) -> None:
        super().__init__(film)
        self.film = film

    def __str__(self) -> str:
        return f"{self.film.name}: the film changed while it was read; it is extracted once it stops changing"


@dataclass(frozen=True)
class Failure:
    code: ExitCode
    line: str
    ends_attempt: bool = False
    """The other films cannot be extracted either."""
    is_fault: bool = False
    """Unexpected: the traceback goes to the log."""


def failure_of(error: BaseException, film: Path | None = None, output: Path | None = None) -> Failure:
    """What `error`, met while extracting `film` (None: before or after any film), means for the attempt.

    `output` is what the line names where the error does not say which file it is about.
    """
    match error:
        case Interrupted(signal_number=signal.SIGINT):
            return Failure(ExitCode.INTERRUPTED, str(error), ends_attempt=True)
        case Interrupted():
            return Failure(ExitCode.TERMINATED, str(error), ends_attempt=True)
        case OutputBusy() | Superseded():
            return Failure(ExitCode.SUPERSEDED, str(error), ends_attempt=True)
        case OutputUnusable():
            return Failure(ExitCode.OUTPUT_NOT_MADE, str(error), ends_attempt=True)
        case NewerSchema():
            return Failure(ExitCode.BAD_SETTINGS, str(error), ends_attempt=True)
        case NotAFilm():
            return Failure(ExitCode.NOT_A_FILM, f"{Path(error.path).name}: {error.reason}")
        case FilmChanged():
            return Failure(ExitCode.FILM_CHANGED, str(error))
        case WorkersKilled():
            return Failure(ExitCode.INTERNAL, str(error), ends_attempt=True)
        case TooMuchFailed():
            return Failure(ExitCode.TOO_MUCH_FAILED, Path(error.path).name + str(error).removeprefix(error.path))
        case OSError() if film is not None and _concerns(error, film):
            return _film_failure(error, film)
        case OSError() if error.errno is not None:
            return _output_failure(error, output)
    where = f"{film.name}: " if film is not None else ""
    return Failure(ExitCode.INTERNAL, f"{where}internal fault: {_description(error)}", is_fault=True)


def with_film_name(failure: Failure, film: Path, name: str) -> Failure:
    """The same failure; where its line is about the film, it calls it `name`."""
    prefix = f"{film.name}: "
    is_about_it = failure.line.startswith(prefix)
    return replace(failure, line=f"{name}: {failure.line.removeprefix(prefix)}") if is_about_it else failure


def _description(error: BaseException) -> str:
    """What and where, in one line: `ZeroDivisionError: division by zero (shots.py, line 12)`."""
    said = str(error).strip().splitlines()
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in innermost)
    return f"{type(error).__name__}{': ' + said[-1] if said else ''}{place}"


def decisive(failures: Sequence[Failure]) -> Failure | None:
    """The failure that gives the attempt its exit code: what ended it, else one that another attempt may not have."""
    ended = [failure for failure in failures if failure.ends_attempt]
    retryable = [failure for failure in failures if failure.code in RETRYABLE]
    return next(iter(ended or retryable or failures), None)


def _concerns(error: OSError, film: Path) -> bool:
    return error.filename is not None and os.fsdecode(error.filename) == os.fspath(film)


def _film_failure(error: OSError, film: Path) -> Failure:
    """The film, not the output, could not be read. A missing folder is a drive that may be mounted again."""
    if error.errno == errno.ENOENT and film.parent.exists():
        gone = f"{film.name}: is no longer in {film.parent}; it was renamed, moved or deleted"
        return Failure(ExitCode.FILM_CHANGED, gone)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(ExitCode.NOT_PERMITTED, f"{film}: this user cannot read it; check the file's permissions")
    return Failure(ExitCode.OUTPUT_NOT_WRITTEN, f"{film}: cannot be read: {error.strerror}")


def _output_failure(error: OSError, output: Path | None) -> Failure:
    what = os.fsdecode(error.filename2 or error.filename or output or "the output")
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            code, line = ExitCode.DISK_FULL, f"no space left for {what} ({error.strerror}); free some and start again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            code, line = ExitCode.NOT_PERMITTED, f"{what} cannot be written: {error.strerror}; check its permissions"
        case _:
            code, line = ExitCode.OUTPUT_NOT_WRITTEN, f"{what} cannot be written or read: {error.strerror}"
    return Failure(code, line, ends_attempt=True)
