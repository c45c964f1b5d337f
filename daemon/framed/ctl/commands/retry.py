"""`framectl retry`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.outcomes import report_submitted
from framed.ctl.commands.project_names import chosen_or_all, projects_arguments
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import json_option
from framed.protocol.messages import Retry, RetryReply


@click.command()
@projects_arguments()
@click.option("--all", "every", is_flag=True, help="Every project with a failed film.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the jobs have ended; exit codes as of `wait`.")
@json_option
@common_options
def retry(project_names: tuple[str, ...], listed: str | None, *, every: bool, waits: bool, as_json: bool) -> int:
    """Extract films again that failed or were cancelled.

    Uses the settings of the last job. Complete films are skipped, unless the last job had --force. A job that waits
    for its next attempt makes it now. To change settings, use submit.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    request = Retry(projects=chosen_or_all(project_names, listed, places, every=every), every=every, key=new_key())
    with connect(places) as daemon:
        reply = daemon.call("retry", request, RetryReply)
    return report_submitted(reply, places, waits=waits, as_json=as_json, when_empty="nothing has failed")
