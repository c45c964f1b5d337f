"""`framectl show`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import project_argument
from framed.ctl.options import json_option
from framed.ctl.output import document, output_terminal, show
from framed.errors import Exit


@click.command("show")
@project_argument
@json_option
@common_options
def show_project(name: str, *, as_json: bool) -> int:
    """Show everything about one project.

    Settings and where they come from, films, attempts, results, paths.
    """
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.queries import Show, ShowReply  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("show", Show(project=name), ShowReply)
    if as_json:
        document(reply)
        return Exit.OK
    from framed.ctl.render_show import show_lines  # noqa: PLC0415

    show(show_lines(reply, output_terminal()))
    return Exit.OK
