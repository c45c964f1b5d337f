"""`framectl attach`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click
import msgspec

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import project_argument
from framed.ctl.options import json_option
from framed.ctl.output import document, notice
from framed.errors import Exit


@click.command()
@project_argument
@click.option("--write", is_flag=True, help="Pass keys on to the extractor: Ctrl-C then ends it.")
@json_option
@common_options
def attach(name: str, *, write: bool, as_json: bool) -> int:
    """Show the terminal in which a project's extractor runs.

    Ctrl-B D detaches. Read-only unless --write is given.
    """
    from framed.ctl.attach_command import command_for  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.queries import Attach, AttachReply  # noqa: PLC0415

    if not as_json and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("attach needs a terminal; --json prints the command it would run")
    places = places_here()
    with connect(places) as daemon:
        reply = daemon.call("attach", Attach(project=name, write=write), AttachReply)
    command = command_for(places, name, reply, write=write)
    if as_json:
        document(msgspec.structs.replace(reply, argv=command))
        return Exit.OK
    notice("Ctrl-B D detaches" + ("; Ctrl-C ends the extractor" if write else ""))
    return _exec(command)


def _exec(argv: tuple[str, ...]) -> NoReturn:
    """Replaces this process with the command."""
    sys.stderr.flush()
    os.execvp(argv[0], argv)  # noqa: S606 -- without a shell on purpose
