"""The verb `clean`: what framed made of a project is deleted, and nothing else.

What that is only the extractor knows, which made it; it deletes it, in a process of its own, under the folder's lock.
"""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import anyio
import msgspec

from frame_extractor.contract.answers import Cleaned
from framed.attempts.supervise import Supervisor
from framed.control.bounded_disk import BoundedDisk
from framed.control.idempotency import Keep
from framed.control.status_reporter import StatusReporter
from framed.errors import Refused
from framed.log import fields
from framed.model.job import Running, Verdict
from framed.model.project import Overrides
from framed.protocol.messages import Clean, CleanReply
from framed.settings.config import resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.outputs import Outputs
from framed.settings.places import Places
from framed.state.ledger import Answer, Change, Ledger
from framed.state.store import StoreUnavailable
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)

CLEANER: Final = (sys.executable, "-m", "frame_extractor", "clean")
PATIENCE_S: Final = 600.0
"""Fourteen thousand images on a slow disk take a while; the client waits as long."""


class Cleaning:
    """One method, named for its verb."""

    def __init__(
        self,
        *,
        places: Places,
        settings: LiveSettings,
        ledger: Ledger,
        watcher: Watcher,
        supervisor: Supervisor,
        report: StatusReporter,
        disk: BoundedDisk,
    ) -> None:
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._supervisor = supervisor
        self._report = report
        self._disk = disk

    async def clean(self, params: Clean, keep: Keep) -> CleanReply:
        """Answered when it is done. An extractor that begins meanwhile finds the folder locked, and waits.

        A dry run changes nothing, and uses up no key.
        """
        (name,) = await self._disk.known((params.project,))
        not_now = self._not_now(name)
        if not_now and not params.dry_run:
            raise Refused(not_now)
        frames_dir = await self._disk.run(self._frames_dir, name)
        films: tuple[str, ...] = ()
        if params.replaced:
            await self._disk.scan()
            films = tuple(self._report.replaced(name))
        if films or not params.replaced:
            cleaned = await _cleaned(frames_dir, films, dry_run=params.dry_run)
        else:
            cleaned = Cleaned(images=0, size_bytes=0, kept=0)
        reply = CleanReply(
            project=name,
            folder=str(frames_dir.parent),
            dry_run=params.dry_run,
            images=cleaned.images,
            size_bytes=cleaned.size_bytes,
            kept=cleaned.kept,
            not_now=not_now,
        )
        if not params.dry_run:
            if not params.replaced:
                await self._supervisor.close_session(name, failed_too=True)
            try:
                await self._ledger.decide(lambda: self._cleaned_verdicts(params, lambda _jobs: keep(reply)))
            except StoreUnavailable as unavailable:
                # What is deleted is deleted, and cleaning again deletes nothing more.
                _log.warning("answer not kept", extra=fields(project=name, why=unavailable.why))
            self._watcher.scan_now()
        return reply

    def _cleaned_verdicts(self, params: Clean, answer: Answer) -> Change:
        """Films of which nothing is left, and that were extracted, are cleaned ones from now on."""
        job = self._ledger.latest(params.project)
        if job is None or params.replaced:
            return Change(answer=answer)
        marks = (film.fingerprint for film in self._report.films(params.project))
        extracted = [mark for mark in marks if mark and self._ledger.verdict(job.project, mark) is Verdict.COMPLETE]
        return Change(verdicts={job.id: dict.fromkeys(extracted, Verdict.CLEANED)}, answer=answer)

    def _not_now(self, name: str) -> str:
        job = self._ledger.latest(name)
        if job is None or job.is_over:
            return ""
        does = "running" if isinstance(job.state, Running) else "queued"
        return f"{name} is {does}; cancel it first: framectl cancel {shlex.quote(name)}"

    def _frames_dir(self, name: str) -> Path:
        """Raises SettingsError, also where another project's images lie in the same folder. Blocking."""
        settings = self._settings.now
        frames_dir = resolve(settings, self._places, name, Overrides()).frames_dir
        Outputs(settings, self._places, {name, *self._report.project_names()}).check(name)
        return frames_dir


async def _cleaned(frames_dir: Path, films: Iterable[str], *, dry_run: bool) -> Cleaned:
    """What was deleted, or would be: of these films (fingerprints) only, or of all when none is named.

    Raises Refused with the extractor's words.
    """
    command = [*CLEANER, str(frames_dir), "--json", *(["--dry-run"] if dry_run else [])]
    command += [f"--film={mark}" for mark in films]
    try:
        with anyio.fail_after(PATIENCE_S):
            done = await anyio.run_process(command, check=False)
    except TimeoutError:
        raise Refused(f"{frames_dir.parent} is not cleaned after {PATIENCE_S:.0f} s; is its disk there?") from None
    try:
        return msgspec.json.decode(done.stdout, type=Cleaned)
    except msgspec.DecodeError:
        words = done.stderr.decode(errors="backslashreplace").strip().removeprefix("frame-extractor: ")
        raise Refused(
            " ".join(words.split()) or f"cleaning {frames_dir.parent} failed with {done.returncode}"
        ) from None
