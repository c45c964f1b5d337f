"""What an earlier daemon left running, as this one finds it. Decides nothing about what has ended: see `supervise`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from framed.ledger import Ledger
from framed.log import fields
from framed.model.job import Running
from framed.slots import Lease, SlotPool

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adoption:
    """A job that was running when the last daemon ended, with its slots taken again."""

    job_id: str
    workers: int
    lease: Lease


def adopt(ledger: Ledger, pool: SlotPool) -> tuple[Adoption, ...]:
    """Every running job has its slots, before anything new can be admitted.

    Whether its extractor still lives, ended meanwhile or was lost, its supervision finds out, in the same way and with
    the same consequences as if the daemon had never been away.
    """
    adoptions = []
    for job in ledger.open_jobs():
        if isinstance(job.state, Running):
            attempt = job.state.attempt
            adoptions.append(Adoption(job.id, attempt.workers, pool.adopt(attempt.workers)))
            _log.info("job adopted", extra=fields(project=job.project, job_id=job.id, attempt=attempt.number))
    return tuple(adoptions)
