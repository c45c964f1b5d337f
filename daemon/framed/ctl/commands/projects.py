"""`framectl projects`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.options import json_option
from framed.ctl.output import document, output_terminal, show
from framed.errors import Exit


@click.command()
@json_option
@common_options
def projects(*, as_json: bool) -> int:
    """List what is in raw_videos, and which of it is extracted."""
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.queries import Projects, ProjectsReply  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("projects", Projects(), ProjectsReply)
    if as_json:
        document(reply)
        return Exit.OK
    from framed.ctl.render import projects_lines  # noqa: PLC0415

    show(projects_lines(reply, output_terminal()))
    return Exit.OK
