"""Collects events and sends them together, so that many events at once are one notification.

The first event is sent after a short delay; later ones are sent together when `notify.at_most_every_s` has passed.
Thus a hundred films that fail are a few notifications.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

import anyio
import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from framed.fault_log import FaultLog
from framed.log import fields
from framed.model.job import Job
from framed.model.job_reasons import attempt_ended
from framed.model.reasons import DiskLow, Reason, Stalled
from framed.reason_text import reason_text
from framed.service.notify import command, desktop
from framed.service.notify.events import Digest, Event, What, of_end
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.threads import in_own_thread
from framed.wakeup import Wakeup

_log: Final = logging.getLogger(__name__)

_COLLECT_S: Final = 2.0
"""From the first event until it is sent, with all that came by then."""
_FINAL_SEND_S: Final = 5.0
"""Time limit for sending what is left when the daemon ends."""


class Notifier:
    """Sends one event for every job that ends while the daemon runs, but not for cancelled ones."""

    def __init__(self, ledger: Ledger, settings: LiveSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._wakeup = Wakeup()
        self._open = {job.id for job in ledger.open_jobs()}
        self._pending: list[Event] = []
        self._problems: dict[str, str | None] = {}
        self._faults = FaultLog("send notifications")
        self._short_of_room: Mapping[str, DiskLow] = {}
        self._is_disk_low = False
        ledger.listen(self._on_ledger_change)

    def stalled(self, job: Job, stalled: Stalled) -> None:
        """The job's attempt makes no progress."""
        self._add(Event(event=What.STALLED, project=job.project, reason=reason_text(stalled), log=job.log_path))

    def disk_low(self, short: Mapping[str, DiskLow]) -> None:
        """`short`: the projects that wait or are suspended because the disk is low."""
        self._short_of_room = short
        self._update_disk_low(self._ledger.open_jobs())

    async def run(self) -> None:
        """Sends events until cancelled, and then those that are left."""
        try:
            while True:
                await self._wakeup.wait()
                every_s = self._settings.now.notify.at_most_every_s
                await anyio.sleep(min(_COLLECT_S, every_s))
                await self._send()
                await anyio.sleep(every_s)
        finally:
            with anyio.move_on_after(_FINAL_SEND_S, shield=True):
                await self._send()

    async def _send(self) -> None:
        try:
            await self._send_pending()
        except Exception as fault:  # noqa: BLE001 -- logged; extraction matters more
            self._faults.record("", fault)
        else:
            self._faults.clear("")

    async def _send_pending(self) -> None:
        events, self._pending = tuple(self._pending), []
        if not events:
            return
        settings, digest = self._settings.now.notify, Digest(events=events)
        if settings.command:
            given = msgspec.json.encode(digest)
            self._log("command", await in_own_thread(command.run, settings.command, given, settings.timeout_s))
        if settings.desktop is True or (settings.desktop == "auto" and not desktop.why_not(os.environ)):
            self._log("desktop", await in_own_thread(desktop.show, digest, settings.timeout_s, os.environ))

    def _log(self, way: str, problem: str | None) -> None:
        """Logs each problem once, until it changes or ends: a desktop may be unavailable for weeks."""
        if problem and problem != self._problems.get(way):
            _log.warning("notification failed", extra=fields(way=way, why=problem))
        self._problems[way] = problem

    def _on_ledger_change(self) -> None:
        open_jobs = self._ledger.open_jobs()
        self._update_disk_low(open_jobs)
        still_open = {job.id for job in open_jobs}
        ended = self._open - still_open
        self._open = still_open
        if not ended:
            return
        latest = (self._ledger.latest(project) for project in self._ledger.projects())
        for job in latest:
            if job is not None and job.id in ended and (event := of_end(job)) is not None:
                self._add(event)
        if not still_open:
            self._add(Event(event=What.QUEUE_EMPTY))

    def _update_disk_low(self, open_jobs: list[Job]) -> None:
        """Adds an event when the first job lacks space, and again only after no job did.

        A job lacks space if it waits for it, or if its last attempt ended because of it.
        """
        lasts = [(job.project, job.attempts[-1].outcome) for job in open_jobs if job.attempts]
        full = [(project, last) for project, last in lasts if last is not None and last.code == ExitCode.DISK_FULL]
        waiting: list[tuple[str, Reason]] = [
            *self._short_of_room.items(),
            *((project, attempt_ended(last)) for project, last in full),
        ]
        if waiting and not self._is_disk_low:
            project, reason = waiting[0]
            self._add(Event(event=What.DISK_LOW, reason=f"{project}: {reason_text(reason)}"))
        self._is_disk_low = bool(waiting)

    def _add(self, event: Event) -> None:
        self._pending.append(event)
        self._wakeup.set()
