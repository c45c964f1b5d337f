"""`framectl status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import click
import msgspec

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import chosen_projects, projects_arguments
from framed.ctl.options import Checked, States, json_option
from framed.ctl.output import document, output_terminal, record, show
from framed.errors import Exit
from framed.protocol.messages import ProjectState, Status, StatusReply

F = TypeVar("F", bound=Callable[..., Any])
_Interval = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
_HOME_AND_CLEAR: Final = "\033[H\033[J"
DEFAULT_INTERVAL_S: Final = 2.0


def interval_option(text: str) -> Callable[[F], F]:
    """Adds --interval, which arrives as `interval_s`."""
    return click.option(
        "--interval", "interval_s", type=Checked("S", _Interval), default=DEFAULT_INTERVAL_S, metavar="S", help=text
    )


@click.command()
@projects_arguments(needed=False)
@click.option(
    "--state",
    "states",
    type=States(),
    default=(),
    metavar="STATE[,STATE]",
    help="Only projects in one of these states: " + ", ".join(state.value for state in ProjectState) + ".",
)
@click.option("--once", is_flag=True, help="Print once and end; this is the default.")
@click.option("--watch", is_flag=True, help="Print repeatedly; with --json one line of JSON each time.")
@interval_option("Seconds between two prints of --watch [2].")
@json_option
@common_options
def status(
    project_names: tuple[str, ...],
    listed: str | None,
    *,
    states: tuple[ProjectState, ...],
    once: bool,
    watch: bool,
    interval_s: float,
    as_json: bool,
) -> int:
    """Show the machine and the projects.

    Running and failed projects come first.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    if once and watch:
        raise click.UsageError("give --once or --watch, not both")
    places = places_here()
    request = Status(projects=chosen_projects(project_names, listed, places))
    if watch:
        from framed.ctl.reconnecting import ReconnectingClient  # noqa: PLC0415

        client = ReconnectingClient(places)
        while True:
            seen = client.call("status", request, StatusReply)
            if seen is not None and as_json:
                record(_filtered(seen, states))
            elif seen is not None:
                if sys.stdout.isatty():
                    click.echo(_HOME_AND_CLEAR, nl=False)
                _print_status(seen, places.raw_videos, states, with_logs=bool(request.projects))
                if not sys.stdout.isatty():
                    click.echo()
            sys.stdout.flush()
            time.sleep(interval_s)
    with connect(places) as daemon:
        reply = daemon.call("status", request, StatusReply)
    if as_json:
        document(_filtered(reply, states))
    else:
        _print_status(reply, places.raw_videos, states, with_logs=bool(request.projects))
    return Exit.OK


def _filtered(reply: StatusReply, states: tuple[ProjectState, ...]) -> StatusReply:
    """The answer with only the projects in these states; unchanged when none is given."""
    if not states:
        return reply
    return msgspec.structs.replace(reply, projects=tuple(each for each in reply.projects if each.state in states))


def _print_status(reply: StatusReply, raw_videos: Path, states: tuple[ProjectState, ...], *, with_logs: bool) -> None:
    from framed.ctl.render import URGENCY, status_lines  # noqa: PLC0415

    shown = _filtered(reply, states)
    no_match = states if reply.projects and not shown.projects else ()
    by_urgency = sorted(shown.projects, key=lambda project: URGENCY.index(project.state))
    shown = msgspec.structs.replace(shown, projects=tuple(by_urgency))
    show(status_lines(shown, output_terminal(), raw_videos, no_match=no_match, with_logs=with_logs))
