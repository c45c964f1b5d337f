"""`framectl monitor`."""

from __future__ import annotations

import sys

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import chosen_projects, projects_arguments
from framed.ctl.commands.status import interval_option, status


@click.command()
@projects_arguments(needed=False)
@click.option("--once", is_flag=True, help="Print the same as `status`, and end.")
@interval_option("Seconds between two prints without a terminal [2]; on a terminal changes show at once.")
@common_options
def monitor(project_names: tuple[str, ...], listed: str | None, *, once: bool, interval_s: float) -> int:
    """Show machine, projects and logs live, with keys to control them.

    Needs a terminal; without one it prints the same as `status --watch`.
    """
    context = click.get_current_context()
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        code: int = context.invoke(
            status,
            project_names=project_names,
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
    return monitor_projects(places, chosen_projects(project_names, listed, places))
