"""`cancel`: takes jobs out of the queue, and ends running ones."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final

import anyio

from framed.control.idempotency import Commit, Decision
from framed.control.project_selection import selected_projects
from framed.control.verbs.context import VerbContext
from framed.errors import Refused
from framed.model.job import Job, Running, Verdict
from framed.policy.lifecycle import CancelRequested, Event
from framed.protocol.messages import Cancel, CancelOutcome, CancelReply
from framed.protocol.queries import FilmState
from framed.state.ledger import Change
from framed.watching.scan import fingerprint_of, readable_films

PATIENCE_S: Final = 8.0
"""How long the reply waits for extractors to end."""


async def cancel(context: VerbContext, params: Cancel, commit: Commit) -> CancelReply:
    """Replies when the extractors have ended, or after PATIENCE_S."""
    ledger = context.ledger
    names = await context.disk.known(selected_projects(params, lambda: [job.project for job in ledger.open_jobs()]))
    latest = [(name, ledger.latest(name)) for name in names]
    films = {
        name: await _fingerprints(context, name, job) for name, job in latest if job is not None and _is_waiting(job)
    }
    committed = await commit(lambda: _decision(context, names, films))
    jobs = committed.jobs.values()
    for job in jobs:
        if job.is_over and job.attempts:
            await context.supervisor.close_session(job.project)
            await context.supervisor.clear_temp(job)
    await _wait_for_end(context, jobs)
    return committed.reply


def _decision(context: VerbContext, names: Iterable[str], films: Mapping[str, Iterable[str]]) -> Decision[CancelReply]:
    """`films`: project -> fingerprints of its job's films, for jobs that were waiting."""
    outcomes = []
    events: dict[str, Event] = {}
    verdicts: dict[str, Mapping[str, Verdict]] = {}
    for name in names:
        job = context.ledger.latest(name)
        if job is None or job.is_over:
            message = "nothing of it is queued or running"
            outcomes.append(CancelOutcome(project=name, cancelled=False, message=message))
            continue
        events[job.id] = CancelRequested()
        outcomes.append(CancelOutcome(project=name, cancelled=True, message="cancelled"))
        if _is_waiting(job):
            fingerprints = films.get(name, _known_fingerprints(context, name, job))
            undecided = [each for each in fingerprints if context.ledger.verdict(name, each) is None]
            verdicts[job.id] = dict.fromkeys(undecided, Verdict.CANCELLED)
    reply = CancelReply(outcomes=tuple(outcomes))
    return Decision(Change(events=events, verdicts=verdicts), lambda _jobs: reply)


def _is_waiting(job: Job) -> bool:
    return not job.is_over and not isinstance(job.state, Running)


async def _fingerprints(context: VerbContext, name: str, job: Job) -> Iterable[str]:
    """Fingerprints of the films in the folder that the job is for; when the disk is missing, those that are known.

    Ignored films that the job is not for are not cancelled with it.
    """
    ignored = {film.name for film in context.films.films(name) if film.state is FilmState.IGNORED}
    but_not = frozenset() if job.with_ignored else frozenset(ignored)
    try:
        return await context.disk.run(_fingerprints_now, context, name, but_not)
    except Refused:
        return _known_fingerprints(context, name, job)


def _known_fingerprints(context: VerbContext, name: str, job: Job) -> Iterable[str]:
    project = context.watcher.catalog.projects.get(name)
    return {film.fingerprint for film in (*job.films, *(project.settled if project is not None else ()))}


async def _wait_for_end(context: VerbContext, jobs: Iterable[Job]) -> None:
    with anyio.move_on_after(PATIENCE_S):
        while any(context.ledger.is_open(job.id) for job in jobs):
            await context.ledger.wait_for_change()


def _fingerprints_now(context: VerbContext, name: str, but_not: Container[str]) -> tuple[str, ...]:
    """Of the films in the folder, settled or not. Raises Refused when it cannot be read. Blocking."""
    folder = context.places.films_dir(name)
    listing = readable_films(folder, subfolders=context.settings.takes_subfolders(name))
    return tuple(fingerprint_of(film) for film in listing.films.values() if film.name not in but_not)
