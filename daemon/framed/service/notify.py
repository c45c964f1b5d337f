"""Runs a command of the user's when jobs have ended: what happened is JSON on its standard input.

What happens within a moment is told in one run, so that a hundred films that fail are one message.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
from typing import Final

import anyio
import msgspec

from framed.bell import Bell
from framed.log import fields
from framed.model.job import Complete, Failed, Job
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

_GATHERING_S: Final = 2.0
"""From the first event until the command is run with all there are."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that has happened."""

    event: str
    """`completed`, `failed`, or `queue_empty`: nothing runs and nothing waits."""
    project: str = ""
    reason: str = ""
    """Of a failure."""
    frames: int = 0
    output_dir: str = ""
    log: str = ""


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What the command reads."""

    schema: int = 1
    events: tuple[Event, ...]


class Notifier:
    """Tells of every job once that ends while the daemon runs, but for cancelled ones: they were somebody's wish."""

    def __init__(self, ledger: Ledger, settings: LiveSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._bell = Bell()
        self._open = {job.id for job in ledger.open_jobs()}
        self._pending: list[Event] = []
        ledger.listen(self._note)

    async def run(self) -> None:
        """Runs the command for as long as the daemon lives, one at a time."""
        while True:
            await self._bell.wait()
            await anyio.sleep(_GATHERING_S)
            events, self._pending = tuple(self._pending), []
            command = self._settings.now.notify.command
            if events and command:
                timeout_s = self._settings.now.notify.timeout_s
                problem = await in_own_thread(_run, command, msgspec.json.encode(Digest(events=events)), timeout_s)
                if problem:
                    _log.warning("notification failed", extra=fields(events=len(events), why=problem))

    def _note(self) -> None:
        still_open = {job.id for job in self._ledger.open_jobs()}
        ended = self._open - still_open
        self._open = still_open
        if not ended:
            return
        latest = (self._ledger.latest(project) for project in self._ledger.projects())
        events = [event for job in latest if job is not None and job.id in ended and (event := _event_of(job))]
        if not still_open:
            events.append(Event(event="queue_empty"))
        self._pending += events
        self._bell.ring()


def _event_of(job: Job) -> Event | None:
    match job.state:
        case Complete(outcome=outcome):
            return Event(
                event="completed",
                project=job.project,
                frames=outcome.images,
                output_dir=job.options.frames_dir,
                log=job.log_path,
            )
        case Failed(outcome=outcome):
            return Event(event="failed", project=job.project, reason=outcome.summary, log=job.log_path)
        case _:
            return None


def _run(command: tuple[str, ...], digest: bytes, timeout_s: float) -> str:
    """What went wrong; empty when nothing did. Blocking, for the time-out at most."""
    shown = shlex.join(command)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
    except (OSError, ValueError) as failed:
        return f"{shown}: {failed}"
    try:
        _, said = process.communicate(digest, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"{shown}: ended after {timeout_s:g} s, for which it had not come back"
    if process.returncode == 0:
        return ""
    return f"{shown}: exit {process.returncode} {said.decode(errors='replace').strip()[-200:]}"
