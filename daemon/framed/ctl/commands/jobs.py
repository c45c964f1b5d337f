"""The verbs that start jobs, end them, or wait for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Final

import click
import msgspec

from framed.ctl.command_line import common_options, given_color, places_here
from framed.ctl.commands.project_names import chosen_or_all, chosen_projects, projects_arguments
from framed.ctl.options import Checked, extraction_options, json_option, overrides
from framed.ctl.output import document, notice, print_line, show_outcomes
from framed.errors import Exit
from framed.protocol.messages import (
    Cancel,
    CancelReply,
    Retry,
    RetryReply,
    Submit,
    SubmitOutcome,
    SubmitReply,
    Submitted,
)
from framed.settings.places import Places

_Timeout = Annotated[float, msgspec.Meta(ge=0, le=31_536_000)]


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
    names: tuple[str, ...],
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

        projects = chosen_or_all(names, listed, places, every=every)
        return preview(places, projects, overrides(options), force=force, restore=restore, every=every, as_json=as_json)
    request = Submit(
        projects=chosen_or_all(names, listed, places, every=every),
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
    code = _report_and_wait(reply, places, waits=waits, as_json=as_json, when_empty="every film is already extracted")
    if monitors and reply.outcomes:
        from framed.ctl.commands.inspection import DEFAULT_INTERVAL_S, monitor  # noqa: PLC0415

        named = tuple(outcome.project for outcome in reply.outcomes)
        shown: int = click.get_current_context().invoke(
            monitor, names=named, listed=None, once=False, interval_s=DEFAULT_INTERVAL_S
        )
        return shown or code
    return code


@click.command()
@projects_arguments()
@click.option("--all", "every", is_flag=True, help="Every project with a failed film.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the jobs have ended; exit codes as of `wait`.")
@json_option
@common_options
def retry(names: tuple[str, ...], listed: str | None, *, every: bool, waits: bool, as_json: bool) -> int:
    """Extract films again that failed or were cancelled.

    Uses the settings of the last job. Complete films are skipped, unless the last job had --force. A job that waits
    for its next attempt makes it now. To change settings, use submit.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    request = Retry(projects=chosen_or_all(names, listed, places, every=every), every=every, key=new_key())
    with connect(places) as daemon:
        reply = daemon.call("retry", request, RetryReply)
    return _report_and_wait(reply, places, waits=waits, as_json=as_json, when_empty="nothing has failed")


@click.command()
@projects_arguments()
@click.option("--timeout", "timeout_s", type=Checked("S", _Timeout), metavar="S", help="Give up after S seconds.")
@json_option
@common_options
def wait(names: tuple[str, ...], listed: str | None, *, timeout_s: float | None, as_json: bool) -> int:
    """Wait until projects have ended; the exit code says how.

    0 complete, 1 failed, 4 no film in it, 7 cancelled, 124 time-out. Keeps waiting while the daemon restarts.
    """
    places = places_here()
    return _wait(places, chosen_projects(names, listed, places, needed=True), timeout_s, as_json=as_json)


@click.command()
@projects_arguments()
@click.option("--all", "every", is_flag=True, help="Every project that is queued or running.")
@json_option
@common_options
def cancel(names: tuple[str, ...], listed: str | None, *, every: bool, as_json: bool) -> int:
    """Stop extracting projects, or remove them from the queue.

    Images already written are kept.
    """
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    request = Cancel(projects=chosen_or_all(names, listed, places, every=every), every=every, key=new_key())
    with connect(places) as daemon:
        reply = daemon.call("cancel", request, CancelReply)
    return show_outcomes(reply, when_empty="nothing is queued or running", as_json=as_json)


def new_key() -> str:
    """An idempotency key that no other request has."""
    return os.urandom(16).hex()


def _report_and_wait(
    reply: SubmitReply | RetryReply, places: Places, *, waits: bool, as_json: bool, when_empty: str
) -> int:
    """Prints the outcome of each project; with `waits`, waits for those that have a job."""
    if as_json and not waits:
        document(reply)
    for outcome in reply.outcomes:
        _print_outcome(outcome, as_json=as_json)
    if not reply.outcomes and not as_json:
        notice(when_empty)
    was_refused = any(outcome.outcome is Submitted.REFUSED for outcome in reply.outcomes)
    jobs = {outcome.project: outcome.job_id for outcome in reply.outcomes if outcome.job_id is not None}
    code = _wait(places, tuple(jobs), None, jobs=jobs, as_json=as_json) if waits and (jobs or as_json) else Exit.OK
    return code or (Exit.REFUSED if was_refused else Exit.OK)


def _print_outcome(outcome: SubmitOutcome, *, as_json: bool) -> None:
    line = f"{outcome.project}: {outcome.message}"
    if outcome.outcome is Submitted.REFUSED:
        notice(line)
    elif not as_json:
        print_line(line)


def _wait(
    places: Places,
    projects: tuple[str, ...],
    timeout_s: float | None,
    *,
    jobs: Mapping[str, str] | None = None,
    as_json: bool,
) -> int:
    from framed.ctl.waiting import wait_for  # noqa: PLC0415

    waited = wait_for(places, projects, timeout_s, jobs=jobs, color=given_color(), quiet=as_json)
    if as_json:
        document(waited)
    return waited.exit_code


VERBS: Final = (submit, retry, cancel, wait)
