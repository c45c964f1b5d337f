"""One attempt's specification and records, and the folders that they are in."""

from __future__ import annotations

import errno
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from frame_extractor.attempt.failures import OutputUnusable, Refused
from frame_extractor.contract.attempt import AttemptSpec, ExitRecord
from frame_extractor.contract.durable import write_atomically
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout


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
        raise OutputUnusable(f"{layout.frames_dir} cannot be created: {error.strerror}: {error.filename}") from error
    if layout.frames_dir.stat().st_dev != layout.folder.stat().st_dev:
        raise OutputUnusable(
            f"{layout.frames_dir} is on another file system than {layout.folder}, so that images cannot be moved into "
            f"it in one step; put all of {layout.folder} there, or make it a link to a folder there"
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
