"""`framectl cancel`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import chosen_or_all, projects_arguments
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import json_option
from framed.ctl.output import show_outcomes
from framed.protocol.messages import Cancel, CancelReply


@click.command()
@projects_arguments()
@click.option("--all", "every", is_flag=True, help="Every project that is queued or running.")
@json_option
@common_options
def cancel(project_names: tuple[str, ...], listed: str | None, *, every: bool, as_json: bool) -> int:
    """Stop extracting projects, or remove them from the queue.

    Images already written are kept.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    request = Cancel(projects=chosen_or_all(project_names, listed, places, every=every), every=every, key=new_key())
    with connect(places) as daemon:
        reply = daemon.call("cancel", request, CancelReply)
    return show_outcomes(reply, when_empty="nothing is queued or running", as_json=as_json)
