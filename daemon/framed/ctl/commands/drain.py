"""`framectl drain` and `undrain`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import json_option
from framed.ctl.output import document, print_line
from framed.errors import Exit
from framed.protocol.messages import Drain, DrainReply, Undrain


@click.command()
@json_option
@common_options
def drain(*, as_json: bool) -> int:
    """Finish running jobs and start no others until `undrain`.

    Submits are refused. A restart of framed does not end it.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("drain", Drain(key=new_key()), DrainReply)
    return _print_drain(reply, as_json=as_json)


@click.command()
@json_option
@common_options
def undrain(*, as_json: bool) -> int:
    """End `drain`: start waiting jobs again."""
    from framed.ctl.client import connect  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("undrain", Undrain(key=new_key()), DrainReply)
    return _print_drain(reply, as_json=as_json)


def _print_drain(reply: DrainReply, *, as_json: bool) -> int:
    if as_json:
        document(reply)
        return Exit.OK
    print_line(reply.message)
    if reply.draining:
        print_line(f"still running: {', '.join(reply.running)}" if reply.running else "nothing is running")
    if reply.waiting:
        print_line(f"{'held back' if reply.draining else 'waiting'}: {', '.join(reply.waiting)}")
    return Exit.OK
