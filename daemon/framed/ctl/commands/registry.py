"""`framectl` and its commands: the only place that names them all. What is slow to import, a command imports itself."""

from __future__ import annotations

from typing import Final

import click

from framed.ctl.command_line import CONTEXT_SETTINGS, Verbs, common_options, completion_command
from framed.ctl.commands.attach import attach
from framed.ctl.commands.cancel import cancel
from framed.ctl.commands.clean import clean
from framed.ctl.commands.drain import drain, undrain
from framed.ctl.commands.logs import logs
from framed.ctl.commands.monitor import monitor
from framed.ctl.commands.pause import pause, resume
from framed.ctl.commands.projects import projects
from framed.ctl.commands.reload import reload
from framed.ctl.commands.retry import retry
from framed.ctl.commands.show import show_project
from framed.ctl.commands.status import status
from framed.ctl.commands.submit import submit
from framed.ctl.commands.version import version
from framed.ctl.commands.wait import wait

_COMMANDS: Final = (
    *(status, projects, show_project, logs, monitor, attach),
    *(submit, retry, cancel, wait),
    *(pause, resume, drain, undrain, reload),
    *(clean, common_options(completion_command("framectl")), version),
)
_EPILOG: Final = (
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
        context.exit(context.invoke(status))


for _command in _COMMANDS:
    framectl.add_command(_command)
