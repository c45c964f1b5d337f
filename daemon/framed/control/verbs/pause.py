"""`pause`: workers park after their chunks, and slots and place become free for others; `resume` ends that."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final, TypeVar

from framed.control.idempotency import Commit, Decision
from framed.control.project_selection import selected_projects
from framed.control.verbs.context import VerbContext
from framed.model.job import Cancelled, Failed, Job, Running
from framed.model.reasons import Suspension
from framed.policy.lifecycle import Event, PauseRequested, ResumeRequested
from framed.protocol.messages import Pause, PauseOutcome, PauseReply, Resume, ResumeReply
from framed.reason_text import reason_text
from framed.state.ledger import Change

Reply = TypeVar("Reply", PauseReply, ResumeReply)

_NOTHING_OPEN: Final = "nothing of it is queued or running"


async def pause(context: VerbContext, params: Pause, commit: Commit) -> PauseReply:
    """Durable before the reply; the workers may park after it."""
    names = await _selected(context, params, lambda _job: True)
    return await _change(context, names, PauseRequested(), PauseReply, commit)


async def resume(context: VerbContext, params: Resume, commit: Commit) -> ResumeReply:
    """Durable before the reply; the workers may have to wait for free slots after it."""
    names = await _selected(context, params, lambda job: job.paused)
    return await _change(context, names, ResumeRequested(), ResumeReply, commit)


async def _selected(context: VerbContext, params: Pause | Resume, is_meant: Callable[[Job], bool]) -> tuple[str, ...]:
    """`is_meant`: which open jobs `all` means."""
    jobs = context.ledger.open_jobs
    return await context.disk.known(selected_projects(params, lambda: [job.project for job in jobs() if is_meant(job)]))


async def _change(
    context: VerbContext,
    names: tuple[str, ...],
    event: PauseRequested | ResumeRequested,
    kind: type[Reply],
    commit: Commit,
) -> Reply:
    blocked = context.dispatcher.run_blocked()

    def decision() -> Decision[Reply]:
        latest = [(name, context.ledger.latest(name)) for name in names]
        outcomes = [_outcome(name, job, event, blocked.get(job.id) if job else None) for name, job in latest]
        events: dict[str, Event] = {
            job.id: event for _, job in latest if job is not None and _makes_a_difference(job, event)
        }
        return Decision(Change(events=events), lambda _jobs: kind(outcomes=tuple(outcomes)))

    return (await commit(decision)).reply


def _makes_a_difference(job: Job, event: PauseRequested | ResumeRequested) -> bool:
    """Whether the event changes the job."""
    return not job.is_over and job.paused != isinstance(event, PauseRequested) and not _is_ending(job)


def _is_ending(job: Job) -> bool:
    return isinstance(job.state, Running) and job.state.stop_request is not None


def _outcome(
    name: str, job: Job | None, event: PauseRequested | ResumeRequested, suspension: Suspension | None
) -> PauseOutcome:
    """`suspension`: why its workers may not run, paused or not."""
    pausing = isinstance(event, PauseRequested)
    if job is None or job.is_over:
        message = _ended_text(job) if job is not None and not pausing else _NOTHING_OPEN
        return PauseOutcome(project=name, paused=False, message=message)
    if _is_ending(job):
        return PauseOutcome(project=name, paused=False, message="is being cancelled")
    if job.paused == pausing:
        if pausing:
            message = "already paused"
        elif suspension is not None:
            message = f"suspended by framed and cannot be resumed: {reason_text(suspension)}"
        else:
            message = "is not paused"
    elif not pausing and suspension is not None:
        message = f"no longer paused, but suspended by framed: {reason_text(suspension)}"
    elif not pausing:
        message = "resumed" if isinstance(job.state, Running) else "queued again"
    elif isinstance(job.state, Running):
        message = "paused; its workers stop at the end of their chunks"
    else:
        message = "paused; it does not start until `resume`"
    return PauseOutcome(project=name, paused=pausing, message=message)


def _ended_text(job: Job) -> str:
    """The message for a job that has ended and cannot be resumed: how to extract it again."""
    match job.state:
        case Cancelled():
            ended = "was cancelled"
        case Failed():
            ended = "has failed"
        case _:
            return _NOTHING_OPEN
    return f"{ended}, which cannot be resumed; framectl retry {shlex.quote(job.project)} extracts it again"
