"""`framectl wait`."""

from __future__ import annotations

from typing import Annotated

import click
import msgspec

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.outcomes import wait_and_report
from framed.ctl.commands.project_names import chosen_projects, projects_arguments
from framed.ctl.options import Checked, json_option

_Timeout = Annotated[float, msgspec.Meta(ge=0, le=31_536_000)]


@click.command()
@projects_arguments()
@click.option("--timeout", "timeout_s", type=Checked("S", _Timeout), metavar="S", help="Give up after S seconds.")
@json_option
@common_options
def wait(project_names: tuple[str, ...], listed: str | None, *, timeout_s: float | None, as_json: bool) -> int:
    """Wait until projects have ended; the exit code says how.

    0 complete, 1 failed, 4 no film in it, 7 cancelled, 124 time-out. Keeps waiting while the daemon restarts.
    """
    places = places_here()
    return wait_and_report(
        places, chosen_projects(project_names, listed, places, needed=True), timeout_s, as_json=as_json
    )
