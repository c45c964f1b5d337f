"""Which running attempts stand still: nothing has moved for so long that somebody should look.

It is told, and nothing is ended for it. A worker that hangs the extractor itself replaces, after 180 s and three times
for the same piece of film, and an extractor that is stopped by a signal tmux lets go on; what is left is a disk that
does not answer, and another attempt would meet the same.
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

_LOOK_S: Final = 5.0
_LOOKS: Final = 5
"""At least so many, before an attempt is said to stand still."""


@dataclass
class _Position:
    """Where an attempt was when it was last seen to move."""

    mark: tuple[object, ...]
    still_s: float = 0.0
    is_told: bool = False


class StallDetector:
    """Time is counted in looks, so that a machine that slept, or had no time to look, has not stalled anything."""

    def __init__(self, ledger: Ledger, reports: AttemptReports, settings: LiveSettings) -> None:
        self._ledger = ledger
        self._reports = reports
        self._settings = settings
        self._stands: dict[str, _Position] = {}
        self._listeners: list[Callable[[Job, Stalled], None]] = []

    def listen(self, listener: Callable[[Job, Stalled], None]) -> None:
        """`listener` is called with a job that makes no progress: once, and again when it had gone on in between."""
        self._listeners.append(listener)

    @property
    def n_stalled(self) -> int:
        """Attempts that stand still."""
        return sum(stand.is_told for stand in self._stands.values())

    def stalled(self, job_id: str) -> Stalled | None:
        """None while it makes progress, and while it is paused or suspended."""
        stand = self._stands.get(job_id)
        return _stalled(stand) if stand is not None and stand.is_told else None

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            look_s = min(_LOOK_S, self._settings.now.notify.stalled_after_s / _LOOKS)
            await anyio.sleep(look_s)
            self.check(look_s)

    def check(self, since_s: float) -> None:
        """Looks at every running attempt; `since_s` is how long ago that was done last."""
        before, self._stands = self._stands, {}
        for job in self._ledger.open_jobs():
            if not isinstance(job.state, Running) or self._rests(job, job.state):
                continue
            mark = (job.state.attempt.number, *_mark(self._reports.progress_of(job.id)))
            stand = before.get(job.id)
            if stand is None or stand.mark != mark:
                self._stands[job.id] = _Position(mark)
                if stand is not None and stand.is_told:
                    _log.info("attempt goes on", extra=_log_fields(job, stand))
                continue
            self._stands[job.id] = stand
            stand.still_s += since_s
            if stand.still_s >= self._settings.now.notify.stalled_after_s and not stand.is_told:
                stand.is_told = True
                _log.warning("attempt stands still", extra=_log_fields(job, stand))
                for listener in self._listeners:
                    listener(job, _stalled(stand))

    def _rests(self, job: Job, state: Running) -> bool:
        progress = self._reports.progress_of(job.id)
        return job.paused or state.stop_request is not None or (progress is not None and progress.paused)


def _stalled(stand: _Position) -> Stalled:
    unit_s = 60 if stand.still_s >= 60 else 1
    return Stalled(still_s=round(stand.still_s / unit_s) * unit_s)


def _log_fields(job: Job, stand: _Position) -> dict[str, object]:
    attempt = job.last_attempt
    return fields(
        project=job.project, job_id=job.id, attempt=attempt.number if attempt else None, still_s=round(stand.still_s)
    )


def _mark(progress: Progress | None) -> tuple[object, ...]:
    """Whatever is otherwise when something was done; time that passes is not."""
    if progress is None:
        return ()
    return progress.steps, progress.stage, progress.film_number, progress.fraction, progress.images
