"""One attempt's files: its specification, records and log, its work folder, and the lock that lets only one work."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.attempt.failures import OutputBusy, OutputUnusable, Refused
from frame_extractor.contract.attempt import AttemptSpec, ExitRecord
from frame_extractor.contract.durable import entries, write_atomically
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.work_folders import WORK_MARKER, remove_if_empty, work_folders

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and marks that turn the reading direction."""
LOCK_PATIENCE_S: Final = 0.5
"""Whoever only looks whether the folder is locked holds the lock for an instant."""


def read_spec(path: str) -> AttemptSpec:
    """The specification in the file, or on standard input for `-`. Raises Refused, saying what is wrong with it."""
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}", ExitCode.BAD_SETTINGS) from error
    try:
        return msgspec.json.decode(content, type=AttemptSpec)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no specification of an attempt: {error}", ExitCode.BAD_SETTINGS) from error


def make_output(layout: OutputLayout) -> None:
    """`frames/` and `.framed/` exist, on one file system. Raises OutputUnusable, or OSError: full, not permitted."""
    try:
        layout.frames_dir.mkdir(parents=True, exist_ok=True)
        layout.control.mkdir(exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise OutputUnusable(f"{layout.frames_dir} cannot be made: {error.strerror}: {error.filename}") from error
    if layout.frames_dir.stat().st_dev != layout.folder.stat().st_dev:
        raise OutputUnusable(
            f"{layout.frames_dir} is on another file system than {layout.folder}, so that images cannot be moved into "
            f"it in one step; put the whole of {layout.folder} there, or link that"
        )


def write_exit(spec: AttemptSpec, *, code: ExitCode, reason: str, images: int, wall_s: float) -> None:
    record = ExitRecord(
        job_id=spec.job_id,
        attempt=spec.attempt,
        code=code,
        reason=reason,
        images=images,
        wall_s=round(wall_s, 3),
        ended_at=now(),
    )
    write_atomically(spec.layout.exit(spec.attempt), msgspec.json.encode(record) + b"\n")


def now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def folder_lock(spec: AttemptSpec) -> contextlib.AbstractContextManager[None]:
    """This attempt alone works in the folder. Raises OutputBusy, which names the other, when another does."""
    return exclusive_use(spec.layout, f"(job {spec.job_id}, attempt {spec.attempt})")


@contextlib.contextmanager
def exclusive_use(layout: OutputLayout, who: str) -> Iterator[None]:
    """This process, `who` in words, alone works in the folder. Raises OutputBusy."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise OutputBusy(layout.folder, _holder(descriptor))
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} {who}\n".encode())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "another extractor"


@contextlib.contextmanager
def work_folder(spec: AttemptSpec, is_superseded: Callable[[], bool]) -> Iterator[Path]:
    """A folder in `temp/` for this attempt, with one in it for each film; `temp/` is gone at the end when it is empty.

    What attempts leave there stays while it is of use to the next one, see `adopt_pictures`. Nothing else is touched:
    by hand, `-o` may be a folder that has its own `temp`. An attempt that is superseded leaves all as it is but its
    own. Raises OutputUnusable when somebody else has a folder of that name.
    """
    _delete_useless(spec.layout)
    folder = spec.layout.work_folder(spec.attempt)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise OutputUnusable(f"{folder} is in the way and was not made by this program; rename it") from None
    try:
        (folder / WORK_MARKER).write_text(f"attempt {spec.attempt} of job {spec.job_id}\n", encoding="utf-8")
        yield folder
    finally:
        if is_superseded():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _delete_useless(spec.layout)


def adopt_pictures(layout: OutputLayout, work_folder: Path, place: Path, names: Collection[str]) -> Path:
    """The folder at `place` in the work folder; pictures of these names that killed attempts left at it are in it now.

    What else they left there is gone.
    """
    own = work_folder / place
    own.mkdir(parents=True)
    for other in work_folders(layout):
        if other == work_folder:
            continue
        for path in entries(other / place):
            if path.name in names:
                os.replace(path, own / path.name)
        shutil.rmtree(other / place.parts[0], ignore_errors=True)
    return own


def _delete_useless(layout: OutputLayout) -> None:
    """Pictures of films of which no span is kept are gone, and work folders that are empty."""
    for work_folder in work_folders(layout):
        for of_film in entries(work_folder):
            if of_film.is_dir() and not any((layout.scores / of_film.name).glob("*/span-*")):
                shutil.rmtree(of_film, ignore_errors=True)
        remove_if_empty(work_folder)
    with contextlib.suppress(OSError):
        layout.temp.rmdir()


class _LogLines(logging.Formatter):
    """Nothing in them steers the terminal they are read on: films and folders may be called anything."""

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL_CHARACTERS.sub(lambda found: ascii(found[0])[1:-1], super().format(record))


class _LogFile(logging.FileHandler):
    """Follows no link: in a folder that others may write to, its name can be guessed. Raises OSError (ELOOP)."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o666)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)


@contextlib.contextmanager
def log_file(spec: AttemptSpec, log: logging.Logger) -> Iterator[None]:
    """What is logged to `log` goes to the attempt's file and nowhere else; when that fails, nothing else is lost."""
    logging.raiseExceptions = False
    handler: logging.Handler = logging.NullHandler()
    if spec.log_path is not None:
        with contextlib.suppress(OSError):
            Path(spec.log_path).parent.mkdir(parents=True, exist_ok=True)
            handler = _LogFile(spec.log_path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_LogLines("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
        handler.close()
