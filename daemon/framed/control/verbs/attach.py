"""`attach`: how to see the terminal in which a project's extractor runs."""

from __future__ import annotations

import shlex

from framed.control.verbs.context import VerbContext
from framed.engines import EngineUnresponsive
from framed.errors import Refused
from framed.protocol.queries import Attach, AttachReply


async def attach(context: VerbContext, params: Attach) -> AttachReply:
    """Raises Refused when there is nothing to attach to."""
    (name,) = await context.disk.known((params.project,))
    session = context.engine.session_name(name)
    try:
        exists = session in await context.engine.sessions()
    except EngineUnresponsive as silent:
        raise Refused(f"{silent}; see its log instead: framectl logs {shlex.quote(name)}") from None
    if not exists:
        state = context.status_reporter.project(name).state.value
        raise Refused(f"{name} is {state} and has no terminal now; see its log: framectl logs {shlex.quote(name)}")
    argv = context.engine.attach_command(session, write=params.write)
    return AttachReply(project=name, session=session, argv=tuple(argv))
