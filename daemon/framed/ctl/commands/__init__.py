"""`framectl`: its verbs. A module that is slow to import is imported by the verb that needs it.

`jobs` starts and ends jobs, `flow` pauses and drains, `inspection` only reads, `upkeep` cleans up and has the command's
own verbs.
"""

from __future__ import annotations

import click

from framed.ctl.command_line import CONTEXT_SETTINGS, Verbs, common_options
from framed.ctl.commands import flow, inspection, jobs, upkeep

_EPILOG = (
    "Exit codes: 0 ok, 1 a job failed, 2 usage, 3 daemon unreachable, 4 no such project or no film in it, "
    "5 other protocol version, 6 refused, 7 cancelled (wait), 124 time-out (wait)."
)


@click.group(cls=Verbs, invoke_without_command=True, epilog=_EPILOG, context_settings=CONTEXT_SETTINGS)
@common_options
@click.version_option(package_name="framed", prog_name="framectl", message="%(prog)s %(version)s")
@click.pass_context
def framectl(context: click.Context) -> None:
    """Submit projects to framed, and see how they are doing. Without a command: status --once."""
    if context.invoked_subcommand is None:
        context.exit(context.invoke(inspection.status))


for _module in (inspection, jobs, flow, upkeep):
    for _verb in _module.VERBS:
        framectl.add_command(_verb)
