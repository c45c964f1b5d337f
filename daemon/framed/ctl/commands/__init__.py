"""`framectl`: its verbs, each in the room it belongs to. What costs time to import the verb that needs it imports.

`jobs` begins and ends work, `steering` holds it back, `looking` only looks, `keeping` is about the command itself and
what lies on the disk.
"""

from __future__ import annotations

import click

from framed.ctl.command_line import CONTEXT_SETTINGS, Verbs, common_options
from framed.ctl.commands import jobs, keeping, looking, steering

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
        context.exit(context.invoke(looking.status))


for _room in (looking, jobs, steering, keeping):
    for _verb in _room.VERBS:
        framectl.add_command(_verb)
