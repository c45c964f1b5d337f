"""`clean`: deletes what framed has made of a project, and nothing else.

Only the extractor knows which files those are. It deletes them in a process of its own, under the folder's lock.
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
from framed.control.idempotency import Commit, Decision
from framed.control.verbs.context import VerbContext
from framed.errors import Refused
from framed.log import fields
from framed.model.job import Running, Verdict
from framed.model.project import Overrides
from framed.protocol.messages import Clean, CleanReply
from framed.settings.config import resolve
from framed.settings.outputs import Outputs
from framed.state.ledger import Change
from framed.state.store import StoreUnavailable

_log: Final = logging.getLogger(__name__)

CLEANER: Final = (sys.executable, "-m", "frame_extractor", "clean")
PATIENCE_S: Final = 600.0
"""Fourteen thousand images on a slow disk take a while; the client waits as long."""


async def clean(context: VerbContext, params: Clean, commit: Commit) -> CleanReply:
    """Replies when it is done. An extractor that starts meanwhile finds the folder locked, and waits.

    A dry run changes nothing, and uses up no key.
    """
    (name,) = await context.disk.known((params.project,))
    not_now = _not_now(context, name)
    if not_now is not None and not params.dry_run:
        raise Refused(not_now)
    frames_dir = await context.disk.run(_frames_dir, context, name)
    films: tuple[str, ...] = ()
    if params.replaced:
        await context.disk.scan()
        films = tuple(context.films.replaced(name))
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
        not_now=not_now or "",
    )
    if not params.dry_run:
        if not params.replaced:
            await context.supervisor.close_session(name, failed_too=True)
        try:
            await commit(lambda: Decision(_cleaned_verdicts(context, params), lambda _jobs: reply))
        except StoreUnavailable as unavailable:
            # The files are deleted already, and cleaning again would delete nothing more.
            _log.warning("answer not kept", extra=fields(project=name, why=unavailable.why))
        context.watcher.scan_now()
    return reply


def _cleaned_verdicts(context: VerbContext, params: Clean) -> Change:
    """Extracted films of which everything was deleted get the verdict CLEANED."""
    job = context.ledger.latest(params.project)
    if job is None or params.replaced:
        return Change()
    fingerprints = (film.fingerprint for film in context.films.films(params.project))
    extracted = [
        fingerprint
        for fingerprint in fingerprints
        if fingerprint and context.ledger.verdict(job.project, fingerprint) is Verdict.COMPLETE
    ]
    return Change(verdicts={job.id: dict.fromkeys(extracted, Verdict.CLEANED)})


def _not_now(context: VerbContext, name: str) -> str | None:
    """Why the project cannot be cleaned now; None when it can."""
    job = context.ledger.latest(name)
    if job is None or job.is_over:
        return None
    does = "running" if isinstance(job.state, Running) else "queued"
    return f"{name} is {does}; cancel it first: framectl cancel {shlex.quote(name)}"


def _frames_dir(context: VerbContext, name: str) -> Path:
    """Raises SettingsError, also where another project's images lie in the same folder. Blocking."""
    settings = context.settings.now
    frames_dir = resolve(settings, context.places, name, Overrides()).frames_dir
    Outputs(settings, context.places, {name, *context.films.names()}).check(name)
    return frames_dir


async def _cleaned(frames_dir: Path, films: Iterable[str], *, dry_run: bool) -> Cleaned:
    """What was deleted, or would be: of the films with these fingerprints, or of all when none is given.

    Raises Refused with the extractor's message.
    """
    command = [*CLEANER, str(frames_dir), "--json", *(["--dry-run"] if dry_run else [])]
    command += [f"--film={fingerprint}" for fingerprint in films]
    try:
        with anyio.fail_after(PATIENCE_S):
            done = await anyio.run_process(command, check=False)
    except TimeoutError:
        raise Refused(f"{frames_dir.parent} is not cleaned after {PATIENCE_S:.0f} s; is its disk there?") from None
    try:
        return msgspec.json.decode(done.stdout, type=Cleaned)
    except msgspec.DecodeError:
        error = done.stderr.decode(errors="backslashreplace").strip().removeprefix("frame-extractor: ")
        raise Refused(
            " ".join(error.split()) or f"cleaning {frames_dir.parent} failed with {done.returncode}"
        ) from None
