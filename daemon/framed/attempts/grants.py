"""The slots that running attempts hold. Each attempt is sent its grant, and the slots of parked workers are reclaimed.

Who gets how many is decided by `policy.schedule`. A worker's slot becomes free when its attempt has reported that the
worker is parked, and is taken before the grant for it is sent: so there are never more active workers than slots.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from frame_extractor.contract.attempt import Control, Progress
from frame_extractor.contract.layout import OutputLayout
from framed.attempts import attempt_files
from framed.attempts.reports import AttemptReports
from framed.attempts.slots import Lease, SlotPool
from framed.log import fields
from framed.model.job import Attempt, Job, Running
from framed.policy.schedule import SlotHolding
from framed.state.ledger import Ledger
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

_RETRY_WRITE_S: Final = 2.0


@dataclass(frozen=True)
class HeldSlots:
    """What an attempt holds, from its files."""

    slots: int
    control: Control | None
    """The grant sent last; None before the first."""
    serial: int
    """The highest serial used for it so far."""


def held_slots(attempt: Attempt, control: Control | None, progress: Progress | None) -> HeldSlots:
    """The most that it may hold. `control` and `progress` are this attempt's, or None."""
    serial_seen = progress.control_serial_seen if progress is not None else 0
    active = progress.workers if progress is not None else 0
    if control is not None and serial_seen == control.serial:
        return HeldSlots(max(_granted(control), active), control, serial_seen)
    granted = control.workers if control is not None else 0
    serial = max(serial_seen, control.serial if control is not None else 0)
    return HeldSlots(max(attempt.workers, granted, active), control, serial)


@dataclass
class _Holding:
    lease: Lease
    control: Control | None = None
    serial: int = 0
    is_sending: bool = False


class Grants:
    """The slot holdings of all jobs that were started and have not ended."""

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        ledger: Ledger,
        pool: SlotPool,
        reports: AttemptReports,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when another scheduling pass is needed."""
        self._tasks = tasks
        self._ledger = ledger
        self._pool = pool
        self._reports = reports
        self._changed = changed
        self._holdings: dict[str, _Holding] = {}

    @property
    def is_settled(self) -> bool:
        """Whether every attempt has parked the workers that its grant takes away."""
        return all(
            holding.control is None or holding.lease.n_slots == _granted(holding.control)
            for holding in self._holdings.values()
        )

    def holdings(self) -> dict[str, SlotHolding]:
        """By job id."""
        return {
            job_id: SlotHolding(holding.lease.n_slots, self._is_elastic(job_id))
            for job_id, holding in self._holdings.items()
        }

    def slots_of(self, job_id: str) -> int:
        """How many the job holds now."""
        holding = self._holdings.get(job_id)
        return holding.lease.n_slots if holding is not None else 0

    def take(self, job_id: str, n_slots: int) -> None:
        """The job holds this many slots, if it is new or continues after a pause. Raises SlotsTaken."""
        if (holding := self._holdings.get(job_id)) is not None:
            holding.lease.grow(n_slots)
        else:
            self._holdings[job_id] = _Holding(self._pool.take(n_slots))

    def adopt(self, job_id: str, held: HeldSlots) -> None:
        """Takes over what a job held when the last daemon ended."""
        self._holdings[job_id] = _Holding(self._pool.adopt(held.slots), held.control, held.serial)

    def release(self, job_id: str) -> None:
        """Its slots are free."""
        self._holdings.pop(job_id).lease.release()

    def reclaim_parked(self) -> None:
        """The slots of workers that have parked are free."""
        for job_id, holding in self._holdings.items():
            progress = self._reports.progress_of(job_id)
            if progress is None or holding.control is None or holding.is_sending:
                continue
            if progress.attempt == holding.control.attempt and progress.control_serial_seen == holding.control.serial:
                holding.lease.shrink(min(holding.lease.n_slots, max(_granted(holding.control), progress.workers)))

    def send(self, shares: Mapping[str, int]) -> None:
        """Sends every running attempt its grant if it has changed; a share of 0 pauses it."""
        for job_id, holding in self._holdings.items():
            if not self._ledger.is_open(job_id):
                continue
            job = self._ledger.job(job_id)
            if not isinstance(job.state, Running):
                continue
            attempt = job.state.attempt
            before = (holding.control.workers, holding.control.paused) if holding.control else (attempt.workers, False)
            if job.paused or not holding.lease.n_slots or shares.get(job_id) == 0:
                after = (before[0], True)
            elif job_id in shares:
                if shares[job_id] > holding.lease.n_slots:
                    holding.lease.grow(shares[job_id])
                after = (shares[job_id], False)
            else:
                continue
            if after != before and not holding.is_sending:
                holding.serial += 1
                holding.is_sending = True
                control = Control(attempt=attempt.number, serial=holding.serial, workers=after[0], paused=after[1])
                self._tasks.start_soon(self._write, job, holding, control)

    async def _write(self, job: Job, holding: _Holding, control: Control) -> None:
        grant = fields(project=job.project, attempt=control.attempt, workers=control.workers, paused=control.paused)
        try:
            layout = OutputLayout(Path(job.options.frames_dir))
            await in_own_thread(attempt_files.write_control, layout, control)
        except OSError as failed:
            _log.warning("grant not sent", extra=grant | fields(why=failed.strerror))
            await anyio.sleep(_RETRY_WRITE_S)
        else:
            holding.control = control
            _log.info("grant sent", extra=grant)
        finally:
            holding.is_sending = False
            self._changed()

    def _is_elastic(self, job_id: str) -> bool:
        progress = self._reports.progress_of(job_id)
        return progress is None or progress.elastic


def _granted(control: Control) -> int:
    return 0 if control.paused else control.workers
