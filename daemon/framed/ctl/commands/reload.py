"""`framectl reload`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.options import json_option
from framed.ctl.output import document, notice, print_line
from framed.errors import Exit
from framed.protocol.messages import Reload, ReloadReply


@click.command()
@json_option
@common_options
def reload(*, as_json: bool) -> int:
    """Make framed read configs/framed.yaml again, as SIGHUP does. A file with an error changes nothing."""
    from framed.ctl.client import connect  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("reload", Reload(), ReloadReply)
    if as_json:
        document(reply)
        return Exit.OK
    print_line(f"changed: {', '.join(reply.changed)}" if reply.changed else "nothing has changed")
    if reply.need_restart:
        notice(f"takes effect only after a restart of framed: {', '.join(reply.need_restart)}")
    return Exit.OK
