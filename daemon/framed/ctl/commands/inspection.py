"""The verbs that read and change nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import click
import msgspec

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import chosen_projects, project_argument, projects_arguments
from framed.ctl.options import Checked, States, json_option
from framed.ctl.output import document, notice, output_terminal, record, show
from framed.errors import Exit
from framed.protocol.messages import ProjectState, Status, StatusReply

F = TypeVar("F", bound=Callable[..., Any])

_Interval = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
_NLines = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_HOME_AND_CLEAR: Final = "\033[H\033[J"
DEFAULT_INTERVAL_S: Final = 2.0


def _interval_option(text: str) -> Callable[[F], F]:
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
@_interval_option("Seconds between two prints of --watch [2].")
@json_option
@common_options
def status(
    names: tuple[str, ...],
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
    request = Status(projects=chosen_projects(names, listed, places))
    if watch:
        from framed.ctl.reconnecting import ReconnectingClient  # noqa: PLC0415

        asker = ReconnectingClient(places)
        while True:
            seen = asker.call("status", request, StatusReply)
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


@click.command()
@projects_arguments(needed=False)
@click.option("--once", is_flag=True, help="Print the same as `status`, and end.")
@_interval_option("Seconds between two prints without a terminal [2]; on a terminal changes show at once.")
@common_options
def monitor(names: tuple[str, ...], listed: str | None, *, once: bool, interval_s: float) -> int:
    """Show machine, projects and logs live, with keys to control them.

    Needs a terminal; without one it prints the same as `status --watch`.
    """
    context = click.get_current_context()
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        code: int = context.invoke(
            status,
            names=names,
            listed=listed,
            states=(),
            once=once,
            watch=not once,
            interval_s=interval_s,
            as_json=False,
        )
        return code
    from framed.ctl.monitor.app import monitor_projects  # noqa: PLC0415 -- Textual is slow to import

    places = places_here()
    return monitor_projects(places, chosen_projects(names, listed, places))


@click.command()
@json_option
@common_options
def projects(*, as_json: bool) -> int:
    """List what is in raw_videos, and which of it is extracted."""
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.queries import Projects, ProjectsReply  # noqa: PLC0415

    with connect(places_here()) as daemon:
        reply = daemon.call("projects", Projects(), ProjectsReply)
    if as_json:
        document(reply)
        return Exit.OK
    from framed.ctl.render import projects_lines  # noqa: PLC0415

    show(projects_lines(reply, output_terminal()))
    return Exit.OK


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


@click.command()
@project_argument
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until the job has ended.")
@click.option(
    "-n",
    "--lines",
    "n_lines",
    type=Checked("N", _NLines),
    default=100,
    metavar="N",
    help="Start with the last N lines [100].",
)
@json_option
@common_options
def logs(name: str, *, follow: bool, n_lines: int, as_json: bool) -> int:
    """Print the log of a project's latest job.

    Control characters are escaped.
    """
    from framed.ctl.log_reader import read_log  # noqa: PLC0415

    return read_log(places_here(), name, n_lines, follow=follow, as_json=as_json)


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


VERBS: Final = (status, monitor, projects, show_project, logs, attach)
