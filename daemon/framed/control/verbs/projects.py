"""`projects`: what is in raw_videos, and what of it is extracted."""

from __future__ import annotations

from framed.control.verbs.context import VerbContext
from framed.protocol.queries import Projects, ProjectsReply


async def projects(context: VerbContext, params: Projects) -> ProjectsReply:  # noqa: ARG001 -- all verbs take theirs
    return context.status_reporter.projects(str(context.places.raw_videos))
