"""`framectl pause` and `resume`."""

from __future__ import annotations

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import chosen_projects, projects_arguments
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import json_option
from framed.ctl.output import show_outcomes
from framed.protocol.messages import Pause, PauseReply, Resume, ResumeReply


@click.command()
@projects_arguments(needed=False)
@json_option
@common_options
def pause(project_names: tuple[str, ...], listed: str | None, *, as_json: bool) -> int:
    """Pause projects until `resume`.

    Without PROJECT: everything that is queued or running. Workers stop after their current chunks and free their slots
    for other projects. A restart of framed does not resume them.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    projects = chosen_projects(project_names, listed, places)
    with connect(places) as daemon:
        reply = daemon.call("pause", Pause(projects=projects, every=not projects, key=new_key()), PauseReply)
    return show_outcomes(reply, when_empty="nothing is queued or running", as_json=as_json)


@click.command()
@projects_arguments(needed=False)
@json_option
@common_options
def resume(project_names: tuple[str, ...], listed: str | None, *, as_json: bool) -> int:
    """Continue paused projects where they stopped, in queue order.

    Without PROJECT: all paused projects.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    projects = chosen_projects(project_names, listed, places)
    with connect(places) as daemon:
        reply = daemon.call("resume", Resume(projects=projects, every=not projects, key=new_key()), ResumeReply)
    return show_outcomes(reply, when_empty="nothing is paused", as_json=as_json)
