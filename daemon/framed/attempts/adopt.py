"""Finds the jobs that an earlier daemon left running. What has ended meanwhile is found out by `supervise`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from frame_extractor.contract.layout import OutputLayout
from framed.attempts import attempt_files
from framed.attempts.grants import HeldSlots, held_slots
from framed.log import fields
from framed.model.job import Attempt, Running
from framed.state.ledger import Ledger
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

_DISK_PATIENCE_S: Final = 2.0
"""For reading the files of one attempt. If its disk hangs, the attempt is assumed to hold the slots it began with."""


@dataclass(frozen=True)
class Adoption:
    """A job that was running when the last daemon ended."""

    job_id: str
    held: HeldSlots


async def find_running(ledger: Ledger) -> tuple[Adoption, ...]:
    """Every running job with the slots that it holds; they must be taken before any job is started.

    Whether an extractor is alive, has ended or was lost is found out by its supervision, with the same consequences as
    if the daemon had run all the time.
    """
    adoptions = []
    for job in ledger.open_jobs():
        if isinstance(job.state, Running):
            attempt = job.state.attempt
            held = held_slots(attempt, None, None)
            with anyio.move_on_after(_DISK_PATIENCE_S):
                held = await in_own_thread(_held, OutputLayout(Path(job.options.frames_dir)), attempt)
            adoptions.append(Adoption(job.id, held))
            found = fields(project=job.project, job_id=job.id, attempt=attempt.number, workers=held.slots)
            _log.info("job adopted", extra=found)
    return tuple(adoptions)


def _held(layout: OutputLayout, attempt: Attempt) -> HeldSlots:
    progress = attempt_files.read_reports(layout, attempt.number).progress
    return held_slots(attempt, attempt_files.read_control(layout, attempt.number), progress)
