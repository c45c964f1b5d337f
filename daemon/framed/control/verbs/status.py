"""`status`: the state of the projects and of the machine."""

from __future__ import annotations

from framed.control.verbs.context import VerbContext
from framed.protocol.messages import Status, StatusReply


async def status(context: VerbContext, params: Status) -> StatusReply:
    """Raises NoSuchProject, Refused."""
    names = await context.disk.known(params.projects)
    if params.look:
        await context.disk.scan()
    return context.status_reporter.status(names or None)
