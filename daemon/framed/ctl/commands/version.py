"""`framectl version`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.options import json_option
from framed.ctl.output import document, notice, print_line
from framed.errors import Exit, FramedError


@click.command()
@json_option
@common_options
def version(*, as_json: bool) -> int:
    """Print the versions of this command, the protocol and the daemon."""
    from importlib.metadata import version as version_of  # noqa: PLC0415

    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.documents import Versions  # noqa: PLC0415
    from framed.protocol.messages import PROTOCOL  # noqa: PLC0415

    daemon, why = None, ""
    try:
        with connect(places_here()) as connection:
            daemon = connection.hello
    except FramedError as unreachable:
        why = str(unreachable)
    versions = Versions(framectl=version_of("framed"), protocol=PROTOCOL, daemon=daemon)
    if as_json:
        document(versions)
        return Exit.OK
    print_line(f"framectl {versions.framectl}, protocol {versions.protocol}")
    if daemon is not None:
        print_line(f"{daemon.server}, protocol {daemon.protocol}, pid {daemon.pid}, root {daemon.root}")
    else:
        notice(why)
    return Exit.OK
