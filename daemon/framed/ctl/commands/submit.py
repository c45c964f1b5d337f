"""`framectl submit`."""

from __future__ import annotations

from typing import Any

import click

from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.outcomes import report_submitted
from framed.ctl.commands.project_names import chosen_or_all, projects_arguments
from framed.ctl.commands.status import DEFAULT_INTERVAL_S
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import extraction_options, json_option, overrides
from framed.protocol.messages import Submit, SubmitReply


@click.command()
@projects_arguments()
@click.option(
    "--all", "every", is_flag=True, help="Every project with a film that is not yet extracted with these settings."
)
@extraction_options
@click.option("--force", is_flag=True, help="Extract films again that are complete, and replace their images.")
@click.option("--restore", is_flag=True, help="Make images again that you have deleted; without it they stay deleted.")
@click.option("--replace", is_flag=True, help="Cancel a job that runs with other settings, and start one with these.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the jobs have ended; exit codes as of `wait`.")
@click.option("--monitor", "monitors", is_flag=True, help="Open `monitor` for the submitted projects.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, with which settings; needs no daemon.")
@json_option
@common_options
def submit(
    project_names: tuple[str, ...],
    listed: str | None,
    *,
    every: bool,
    force: bool,
    restore: bool,
    replace: bool,
    waits: bool,
    monitors: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Extract images from a project's films now.

    Takes every film in raw_videos/PROJECT/ that is not yet extracted. Settings not given here come from
    configs/projects/PROJECT.yaml, then configs/framed.yaml, then the [default].
    """
    if monitors and (waits or dry_run or as_json):
        raise click.UsageError("--monitor cannot be combined with --wait, --dry-run or --json")
    places = places_here()
    if dry_run:
        if waits:
            raise click.UsageError("--dry-run cannot be combined with --wait: it starts no job")
        from framed.ctl.dry_run import preview  # noqa: PLC0415

        projects = chosen_or_all(project_names, listed, places, every=every)
        return preview(places, projects, overrides(options), force=force, restore=restore, every=every, as_json=as_json)
    request = Submit(
        projects=chosen_or_all(project_names, listed, places, every=every),
        every=every,
        overrides=overrides(options),
        force=force,
        restore=restore,
        replace=replace,
        key=new_key(),
    )
    from framed.ctl.client import connect  # noqa: PLC0415

    with connect(places) as daemon:
        reply = daemon.call("submit", request, SubmitReply)
    code = report_submitted(reply, places, waits=waits, as_json=as_json, when_empty="every film is already extracted")
    if monitors and reply.outcomes:
        from framed.ctl.commands.monitor import monitor  # noqa: PLC0415

        named = tuple(outcome.project for outcome in reply.outcomes)
        shown: int = click.get_current_context().invoke(
            monitor, project_names=named, listed=None, once=False, interval_s=DEFAULT_INTERVAL_S
        )
        return shown or code
    return code
