"""Finds running attempts that are stalled: without progress for `notify.stalled_after_s`.

They are reported and not ended. The extractor itself replaces a worker that hangs, after 180 s and three times for the
same span, and tmux continues an extractor that a signal has stopped. The remaining cause is a disk that does not
respond, and another attempt would find the same disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio

from frame_extractor.contract.attempt import Progress
from framed.attempts.reports import AttemptReports
from framed.log import fields
from framed.model.job import Job, Running
from framed.model.reasons import Stalled
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger

_log: Final = logging.getLogger(__name__)

_CHECK_S: Final = 5.0
_N_CHECKS: Final = 5
"""An attempt is stalled after at least this many checks without progress."""


@dataclass
class _Position:
    """How far an attempt was at its last progress."""

    last_progress: tuple[object, ...]
    still_s: float = 0.0
    is_reported: bool = False


class StallDetector:
    """Counts time in checks: an attempt is not stalled because the machine slept or was too busy to check."""

    def __init__(self, ledger: Ledger, reports: AttemptReports, settings: LiveSettings) -> None:
        self._ledger = ledger
        self._reports = reports
        self._settings = settings
        self._positions: dict[str, _Position] = {}
        self._listeners: list[Callable[[Job, Stalled], None]] = []

    def listen(self, listener: Callable[[Job, Stalled], None]) -> None:
        """`listener` is called once when a job's attempt stalls, and again only after progress in between."""
        self._listeners.append(listener)

    @property
    def n_stalled(self) -> int:
        """Attempts that are stalled now."""
        return sum(position.is_reported for position in self._positions.values())

    def stalled(self, job_id: str) -> Stalled | None:
        """None while it makes progress, and while it is paused or suspended."""
        position = self._positions.get(job_id)
        return _stalled(position) if position is not None and position.is_reported else None

    async def run(self) -> None:
        """Checks until cancelled."""
        while True:
            check_s = min(_CHECK_S, self._settings.now.notify.stalled_after_s / _N_CHECKS)
            await anyio.sleep(check_s)
            self.check(check_s)

    def check(self, since_s: float) -> None:
        """Checks every running attempt. `since_s`: seconds since the last check."""
        before, self._positions = self._positions, {}
        for job in self._ledger.open_jobs():
            if not isinstance(job.state, Running) or self._is_exempt(job, job.state):
                continue
            progress_key = (job.state.attempt.number, *_progress_key(self._reports.progress_of(job.id)))
            position = before.get(job.id)
            if position is None or position.last_progress != progress_key:
                self._positions[job.id] = _Position(progress_key)
                if position is not None and position.is_reported:
                    _log.info("attempt makes progress again", extra=_log_fields(job, position))
                continue
            self._positions[job.id] = position
            position.still_s += since_s
            if position.still_s >= self._settings.now.notify.stalled_after_s and not position.is_reported:
                position.is_reported = True
                _log.warning("attempt stalled", extra=_log_fields(job, position))
                for listener in self._listeners:
                    listener(job, _stalled(position))

    def _is_exempt(self, job: Job, state: Running) -> bool:
        progress = self._reports.progress_of(job.id)
        return job.paused or state.stop_request is not None or (progress is not None and progress.paused)


def _stalled(position: _Position) -> Stalled:
    unit_s = 60 if position.still_s >= 60 else 1
    return Stalled(still_s=round(position.still_s / unit_s) * unit_s)


def _log_fields(job: Job, position: _Position) -> dict[str, object]:
    attempt = job.last_attempt
    return fields(
        project=job.project, job_id=job.id, attempt=attempt.number if attempt else None, still_s=round(position.still_s)
    )


def _progress_key(progress: Progress | None) -> tuple[object, ...]:
    """What changes with progress, and not merely with time."""
    if progress is None:
        return ()
    return progress.steps, progress.stage, progress.film_number, progress.fraction, progress.images
