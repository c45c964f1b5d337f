"""What an earlier daemon left running, as this one finds it. Decides nothing about what has ended: see `supervise`."""

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
"""For the files of one attempt; when its disk hangs it is taken to hold what it began with."""


@dataclass(frozen=True)
class Adoption:
    """A job that was running when the last daemon ended."""

    job_id: str
    held: HeldSlots


async def find_running(ledger: Ledger) -> tuple[Adoption, ...]:
    """Every running job with the slots that it holds: to be taken before anything new is admitted.

    Whether its extractor still lives, ended meanwhile or was lost, its supervision finds out, in the same way and with
    the same consequences as if the daemon had never been away.
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
