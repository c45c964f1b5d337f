"""`framectl logs`."""

from __future__ import annotations

from typing import Annotated

import click
import msgspec

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import project_argument
from framed.ctl.options import Checked, json_option

_NLines = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


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
