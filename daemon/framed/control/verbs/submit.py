"""`submit`: queues projects, with the settings of this moment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from framed.control.enqueue import enqueue
from framed.control.idempotency import Commit
from framed.control.project_selection import selected_projects
from framed.control.submission import SubmissionStep, SubmittedProject, refused, submission
from framed.control.verbs.context import VerbContext
from framed.errors import FramedError, Refused
from framed.protocol.messages import Submit, SubmitReply
from framed.settings.config import resolve
from framed.settings.mount_guard import why_not_mounted
from framed.settings.outputs import Outputs
from framed.watching.auto_submit import options_of
from framed.watching.scan import films_of, fingerprint_of, folder_of, read_results


async def submit(context: VerbContext, params: Submit, commit: Commit) -> SubmitReply:
    """All projects are queued, or none: the first that cannot be is the error. With `all` it is an outcome."""
    if params.every:
        await context.disk.scan()
    films, disk = context.films, context.disk
    known = films.names()
    outputs = await disk.run(Outputs, context.settings.now, context.places, {*known, *params.projects})
    settings = outputs.extraction(params.overrides)
    names = selected_projects(params, lambda: films.unextracted(settings, force=params.force, restore=params.restore))
    found: list[SubmittedProject | SubmissionStep] = []
    for name in names:
        try:
            found.append(await disk.run(_find, context, name, params, known, outputs))
        except FramedError as wrong:
            if not params.every:
                raise
            found.append(refused(name, wrong))
    reply = await enqueue(context.ledger, lambda: [_step(context, each, params) for each in found], SubmitReply, commit)
    context.watcher.scan_now()
    return reply


def _step(context: VerbContext, found: SubmittedProject | SubmissionStep, params: Submit) -> SubmissionStep:
    if isinstance(found, SubmissionStep):
        return found
    try:
        return submission(found, context.ledger.latest(found.project), params)
    except Refused as why:
        if not params.every:
            raise
        return refused(found.project, why)


def _find(context: VerbContext, name: str, params: Submit, known: Iterable[str], outputs: Outputs) -> SubmittedProject:
    """Raises NoSuchProject, NoFilm, Refused, SettingsError. Blocking."""
    folder = folder_of(name, context.places.raw_videos, lambda: known)
    settings = resolve(context.settings.now, context.places, name, params.overrides)
    films = films_of(folder, subfolders=settings.subfolders)
    options = options_of(settings)
    outputs.check(name)
    if why := why_not_mounted(settings.frames_dir, context.places):
        raise Refused(f"the images of {name} would go to {settings.frames_dir}: {why}")
    results = read_results(Path(options.frames_dir))
    fingerprints = [fingerprint_of(film) for film in films]
    is_extracted = results is not None and all(
        results.has(fingerprint, options.extraction) for fingerprint in fingerprints
    )
    n_removed = sum(results.removed.get(fingerprint, 0) for fingerprint in fingerprints) if results is not None else 0
    earlier = settings.with_earlier_defaults
    return SubmittedProject(
        project=name,
        options=options,
        earlier_options=msgspec.structs.replace(options, extraction=earlier) if earlier is not None else None,
        is_extracted=is_extracted,
        n_removed=n_removed,
    )
