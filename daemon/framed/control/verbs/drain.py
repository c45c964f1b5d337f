"""`drain`: running jobs are finished and no others are started; `undrain` ends that."""

from __future__ import annotations

from framed.control.idempotency import Commit, Decision
from framed.control.verbs.context import VerbContext
from framed.model.job import Running
from framed.protocol.messages import Drain, DrainReply, Undrain
from framed.state.ledger import Change, Ledger


async def drain(context: VerbContext, params: Drain, commit: Commit) -> DrainReply:  # noqa: ARG001 -- all take theirs
    """On the disk before it is answered."""
    return (await commit(lambda: _decision(context.ledger, draining=True))).reply


async def undrain(context: VerbContext, params: Undrain, commit: Commit) -> DrainReply:  # noqa: ARG001 -- as above
    """On the disk before it is answered."""
    return (await commit(lambda: _decision(context.ledger, draining=False))).reply


def _decision(ledger: Ledger, *, draining: bool) -> Decision[DrainReply]:
    jobs = ledger.open_jobs()
    reply = DrainReply(
        draining=draining,
        running=tuple(job.project for job in jobs if isinstance(job.state, Running)),
        waiting=tuple(job.project for job in jobs if not isinstance(job.state, Running)),
        message=_text(was=ledger.is_draining, draining=draining),
    )
    return Decision(Change(draining=draining), lambda _jobs: reply)


def _text(*, was: bool, draining: bool) -> str:
    if was == draining:
        return "already draining" if draining else "was not draining"
    return "draining: running jobs are finished and no others are started" if draining else "no longer draining"
