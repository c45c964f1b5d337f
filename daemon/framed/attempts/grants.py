"""What running attempts hold of the slots: each is told what it may use, and gives back what it has parked.

Who is to have how much, `policy.schedule` says. The slots of a worker are free when its attempt has said that it rests,
and taken before the attempt is told that it may begin: so there are never more at work than there are slots.
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

_WRITE_AGAIN_S: Final = 2.0


@dataclass(frozen=True)
class HeldSlots:
    """What an attempt has, from its files."""

    slots: int
    control: Control | None
    """The last that it was told."""
    serial: int
    """The highest that was ever used for it."""


def held_slots(attempt: Attempt, control: Control | None, progress: Progress | None) -> HeldSlots:
    """What it holds at most. `control` and `progress` are this attempt's, or None."""
    heeds = progress.control_serial_seen if progress is not None else 0
    at_work = progress.workers if progress is not None else 0
    if control is not None and heeds == control.serial:
        return HeldSlots(max(_granted(control), at_work), control, heeds)
    told = control.workers if control is not None else 0
    serial = max(heeds, control.serial if control is not None else 0)
    return HeldSlots(max(attempt.workers, told, at_work), control, serial)


@dataclass
class _Holding:
    lease: Lease
    control: Control | None = None
    serial: int = 0
    is_sending: bool = False


class Grants:
    """The seats of all jobs that were started and have not ended."""

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        ledger: Ledger,
        pool: SlotPool,
        reports: AttemptReports,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when there is more to decide."""
        self._tasks = tasks
        self._ledger = ledger
        self._pool = pool
        self._reports = reports
        self._changed = changed
        self._seats: dict[str, _Holding] = {}

    @property
    def is_settled(self) -> bool:
        """Whether every attempt has parked what it was told to."""
        return all(
            seat.control is None or seat.lease.n_slots == _granted(seat.control) for seat in self._seats.values()
        )

    def holdings(self) -> dict[str, SlotHolding]:
        """By job id."""
        return {
            job_id: SlotHolding(seat.lease.n_slots, self._is_elastic(job_id)) for job_id, seat in self._seats.items()
        }

    def slots_of(self, job_id: str) -> int:
        """How many the job holds now."""
        seat = self._seats.get(job_id)
        return seat.lease.n_slots if seat is not None else 0

    def take(self, job_id: str, n_slots: int) -> None:
        """The job is seated, or goes on where it is. Raises SlotsTaken."""
        if (seat := self._seats.get(job_id)) is not None:
            seat.lease.grow(n_slots)
        else:
            self._seats[job_id] = _Holding(self._pool.take(n_slots))

    def adopt(self, job_id: str, held: HeldSlots) -> None:
        """The job was running when the last daemon ended."""
        self._seats[job_id] = _Holding(self._pool.adopt(held.slots), held.control, held.serial)

    def release(self, job_id: str) -> None:
        """Its slots are free."""
        self._seats.pop(job_id).lease.release()

    def reclaim_parked(self) -> None:
        """What attempts have parked as they were told is free."""
        for job_id, seat in self._seats.items():
            progress = self._reports.progress_of(job_id)
            if progress is None or seat.control is None or seat.is_sending:
                continue
            if progress.attempt == seat.control.attempt and progress.control_serial_seen == seat.control.serial:
                seat.lease.shrink(min(seat.lease.n_slots, max(_granted(seat.control), progress.workers)))

    def send(self, shares: Mapping[str, int]) -> None:
        """Every running attempt is told its share, or to pause (a share of 0), unless it knows."""
        for job_id, seat in self._seats.items():
            if not self._ledger.is_open(job_id):
                continue
            job = self._ledger.job(job_id)
            if not isinstance(job.state, Running):
                continue
            attempt = job.state.attempt
            before = (seat.control.workers, seat.control.paused) if seat.control else (attempt.workers, False)
            if job.paused or not seat.lease.n_slots or shares.get(job_id) == 0:
                after = (before[0], True)
            elif job_id in shares:
                if shares[job_id] > seat.lease.n_slots:
                    seat.lease.grow(shares[job_id])
                after = (shares[job_id], False)
            else:
                continue
            if after != before and not seat.is_sending:
                seat.serial += 1
                seat.is_sending = True
                control = Control(attempt=attempt.number, serial=seat.serial, workers=after[0], paused=after[1])
                self._tasks.start_soon(self._write, job, seat, control)

    async def _write(self, job: Job, seat: _Holding, control: Control) -> None:
        told = fields(project=job.project, attempt=control.attempt, workers=control.workers, paused=control.paused)
        try:
            layout = OutputLayout(Path(job.options.frames_dir))
            await in_own_thread(attempt_files.write_control, layout, control)
        except OSError as failed:
            _log.warning("attempt cannot be told", extra=told | fields(why=failed.strerror))
            await anyio.sleep(_WRITE_AGAIN_S)
        else:
            seat.control = control
            _log.info("attempt is told", extra=told)
        finally:
            seat.is_sending = False
            self._changed()

    def _is_elastic(self, job_id: str) -> bool:
        progress = self._reports.progress_of(job_id)
        return progress is None or progress.elastic


def _granted(control: Control) -> int:
    return 0 if control.paused else control.workers
