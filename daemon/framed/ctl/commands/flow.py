"""The verbs that pause, resume, drain and undrain, and `reload`."""

from __future__ import annotations

from typing import Final

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.jobs import new_key
from framed.ctl.commands.project_names import chosen_projects, projects_arguments
from framed.ctl.options import json_option
from framed.ctl.output import document, notice, print_line, show_outcomes
from framed.errors import Exit
from framed.protocol.messages import (
    Drain,
    DrainReply,
    Pause,
    PauseReply,
    Reload,
    ReloadReply,
    Resume,
    ResumeReply,
    Undrain,
)


@click.command()
@projects_arguments(needed=False)
@json_option
@common_options
def pause(names: tuple[str, ...], listed: str | None, *, as_json: bool) -> int:
    """Pause projects until `resume`.

    Without PROJECT: everything that is queued or running. Workers stop after their current chunks and free their slots
    for other projects. A restart of framed does not resume them.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    projects = chosen_projects(names, listed, places)
    with connect(places) as daemon:
        reply = daemon.call("pause", Pause(projects=projects, every=not projects, key=new_key()), PauseReply)
    return show_outcomes(reply, when_empty="nothing is queued or running", as_json=as_json)


@click.command()
@projects_arguments(needed=False)
@json_option
@common_options
def resume(names: tuple[str, ...], listed: str | None, *, as_json: bool) -> int:
    """Continue paused projects where they stopped, in queue order.

    Without PROJECT: all paused projects.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    projects = chosen_projects(names, listed, places)
    with connect(places) as daemon:
        reply = daemon.call("resume", Resume(projects=projects, every=not projects, key=new_key()), ResumeReply)
    return show_outcomes(reply, when_empty="nothing is paused", as_json=as_json)


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


VERBS: Final = (pause, resume, drain, undrain, reload)
