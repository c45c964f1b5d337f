"""`shutdown`: the daemon stops; its extractors continue."""

from __future__ import annotations

from framed.control.verbs.context import VerbContext
from framed.model.job import Running
from framed.protocol.messages import Shutdown, ShutdownReply


async def shutdown(context: VerbContext, params: Shutdown) -> ShutdownReply:  # noqa: ARG001 -- all verbs take theirs
    running = [job.project for job in context.ledger.open_jobs() if isinstance(job.state, Running)]
    context.shut_down()
    return ShutdownReply(running=tuple(running))
