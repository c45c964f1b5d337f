"""Whether the daemon works, and its status in one line, for the service manager."""

from __future__ import annotations

import time
from typing import Final

from framed.attempts.dispatch import Dispatcher
from framed.model.job import Running
from framed.reason_text import reason_text
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.watch import Watcher

_SCAN_OVERDUE_S: Final = 60.0
"""A scan this late counts as never starting."""
_LONG_SCAN_S: Final = 30.0


class Health:
    """Reads what the other parts hold; changes nothing."""

    def __init__(self, *, ledger: Ledger, dispatcher: Dispatcher, watcher: Watcher, settings: LiveSettings) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._watcher = watcher
        self._settings = settings

    def is_healthy(self) -> bool:
        """Whether the scheduler made a pass since the last call, and the scans are not overdue.

        A scan that takes long does not count: its disk hangs, and a restart would not help. `describe` reports it.
        """
        idle_s = time.monotonic() - self._watcher.scanned_at_s
        is_late = idle_s > self._settings.now.watch.scan_interval_s + _SCAN_OVERDUE_S
        is_scanning = self._watcher.scanning_since_s is not None
        return self._dispatcher.has_made_pass() and (is_scanning or not is_late)

    def describe(self) -> str:
        """`1 running, 2 waiting, 12 of 24 slots`, and what is wrong."""
        jobs = self._ledger.open_jobs()
        n_running = sum(isinstance(job.state, Running) for job in jobs)
        slots = self._dispatcher.pool.statistics()
        parts = [f"{n_running} running, {len(jobs) - n_running} waiting, {slots.used} of {slots.total} slots"]
        since_s = self._watcher.scanning_since_s
        if since_s is not None and time.monotonic() - since_s > _LONG_SCAN_S:
            parts.append("a scan of raw_videos takes long; does its disk hang?")
        problem = self._watcher.catalog.problem
        troubles = (reason_text(problem) if problem else None, self._settings.problem, self._ledger.problem)
        return "; ".join([*parts, *filter(None, troubles)])
