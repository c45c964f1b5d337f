"""Lines that framed itself writes about attempts, for people: in the project's log and in the log of completions.

They are never read back. If one cannot be written, that is a warning and nothing else.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from framed.log import fields, shown
from framed.model.job import Job, Outcome
from framed.printable import printable
from framed.private_files import append_to

_log: Final = logging.getLogger(__name__)


def log_not_started(job: Job, outcome: Outcome) -> None:
    """Writes the line to the job's log, which no extractor has made. Blocking."""
    at = outcome.ended_at.astimezone().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    number = job.last_attempt.number if job.last_attempt is not None else 0
    why = printable(" ".join(outcome.summary.split()))
    try:
        Path(job.log_path).parent.mkdir(parents=True, exist_ok=True)
        append_to(job.log_path, f"{at} ERROR attempt {number} was not started: {why}\n")
    except OSError as failed:
        _log.warning("log not written", extra=fields(project=job.project, file=job.log_path, why=failed.strerror))


def note_completion(log: Path, job: Job, outcome: Outcome) -> None:
    """Adds a line for the job to the log of completions. Blocking."""
    at = outcome.ended_at.astimezone().isoformat(sep=" ", timespec="seconds")
    images = "1 image" if outcome.images == 1 else f"{outcome.images} images"
    where = printable(job.options.frames_dir)
    line = f"{at} {shown(job.project)}: COMPLETE, {images} in {where} after {outcome.wall_s:.0f} s\n"
    try:
        append_to(log, line)
    except OSError as failed:
        _log.warning("completion not noted", extra=fields(project=job.project, file=log, why=failed.strerror))
