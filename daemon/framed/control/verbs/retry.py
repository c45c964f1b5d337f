"""`retry`: extracts again what failed or was cancelled, with its previous settings."""

from __future__ import annotations

from collections.abc import Iterable

from framed.control.enqueue import enqueue
from framed.control.idempotency import Commit
from framed.control.project_selection import selected_projects
from framed.control.submission import SubmissionStep, resubmission
from framed.control.verbs.context import VerbContext
from framed.protocol.messages import Retry, RetryReply
from framed.watching.scan import films_of, folder_of


async def retry(context: VerbContext, params: Retry, commit: Commit) -> RetryReply:
    """All projects are queued, or none. Raises NoSuchProject, NoFilm, Refused."""
    names = await context.disk.known(selected_projects(params, context.films.failed))
    for name in names:
        await context.disk.run(_check_has_films, context, name, context.films.names())

    def steps() -> list[SubmissionStep]:
        failed = context.films.failed()
        return [resubmission(name, context.ledger.latest(name), has_failed=name in failed) for name in names]

    reply = await enqueue(context.ledger, steps, RetryReply, commit)
    context.watcher.scan_now()
    return reply


def _check_has_films(context: VerbContext, name: str, known: Iterable[str]) -> None:
    """Raises NoSuchProject, NoFilm, Refused. Blocking."""
    folder = folder_of(name, context.places.raw_videos, lambda: known)
    films_of(folder, subfolders=context.settings.takes_subfolders(name))
