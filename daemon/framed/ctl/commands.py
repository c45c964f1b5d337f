"""The verbs of `framectl`. What costs time to import is imported by the verb that needs it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import click
import msgspec

from framed.ctl.command_line import CONTEXT_SETTINGS, Verbs, places_here, root_option
from framed.ctl.options import Checked, extraction_options, overrides
from framed.errors import Exit

if TYPE_CHECKING:
    from framed.places import Places

Seconds = Annotated[float, msgspec.Meta(ge=0)]

_EPILOG = (
    "Exit codes: 0 ok, 1 a job failed, 2 usage, 3 daemon unreachable, 4 no such project or no film in it, "
    "5 other protocol version, 6 refused, 7 cancelled (wait), 124 time-out (wait)."
)


@click.group(cls=Verbs, invoke_without_command=True, epilog=_EPILOG, context_settings=CONTEXT_SETTINGS)
@root_option
@click.version_option(package_name="framed", prog_name="framectl", message="%(prog)s %(version)s")
@click.pass_context
def framectl(context: click.Context) -> None:
    """Submit projects to framed, and see how they are doing. Without a command: status --once."""
    if context.invoked_subcommand is None:
        context.exit(context.invoke(status, names=(), listed=None, as_json=False, once=True))


@framectl.command()
@click.argument("names", metavar="PROJECT...", nargs=-1)
@click.option("--projects", "listed", metavar="A,B", help="The same, in one word.")
@extraction_options
@click.option("--force", is_flag=True, help="Extract again what is extracted already, replacing its images.")
@click.option("--replace", is_flag=True, help="End what runs with other settings, and begin again with these.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and with which settings; needs no daemon.")
@root_option
def submit(
    names: tuple[str, ...], listed: str | None, *, force: bool, replace: bool, dry_run: bool, **options: Any
) -> int:
    """Extract the frames of projects now: of every film in raw_videos/PROJECT/ that is not yet extracted.

    Values not given here come from configs/projects/PROJECT.yaml, then configs/framed.yaml, then the [default].
    """
    places = places_here()
    projects = _projects(names, listed, places, needed=True)
    if dry_run:
        from framed.preview import preview  # noqa: PLC0415

        return preview(places, projects, overrides(options), force=force)

    from framed.control.messages import Submit, SubmitReply  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415

    with connect(places) as daemon:
        asked = overrides(options)
        request = Submit(projects=projects, overrides=asked, force=force, replace=replace, key=_new_key())
        reply = daemon.call("submit", request, SubmitReply)
    for outcome in reply.outcomes:
        click.echo(f"{outcome.project}: {outcome.message}")
    return Exit.OK


@framectl.command()
@click.argument("names", metavar="[PROJECT...]", nargs=-1)
@click.option("--projects", "listed", metavar="A,B", help="The same, in one word.")
@click.option("--once", is_flag=True, help="Print and end, which is what happens anyway.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
@root_option
def status(names: tuple[str, ...], listed: str | None, *, as_json: bool, once: bool) -> int:  # noqa: ARG001 -- --once
    """How the machine and the projects are doing."""
    from framed.control.messages import Status, StatusReply  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    with connect(places) as daemon:
        projects = _projects(names, listed, places)
        reply = daemon.call("status", Status(projects=projects), StatusReply)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reply), indent=2))
        return Exit.OK
    from framed.ctl.render import status_lines  # noqa: PLC0415
    from framed.ctl.terminal import terminal_of  # noqa: PLC0415

    for line in status_lines(reply, terminal_of(sys.stdout), places.raw_videos, with_logs=bool(projects)):
        click.echo(line, color=True)
    return Exit.OK


@framectl.command()
@click.argument("names", metavar="PROJECT...", nargs=-1)
@click.option("--projects", "listed", metavar="A,B", help="The same, in one word.")
@click.option("--timeout", "timeout_s", type=Checked("S", Seconds), metavar="S", help="Give up after S seconds.")
@root_option
def wait(names: tuple[str, ...], listed: str | None, *, timeout_s: float | None) -> int:
    """Wait until projects have ended, and exit with how: 0 complete, 1 failed, 7 cancelled, 124 time-out.

    Goes on waiting while the daemon is restarted.
    """
    from framed.ctl.waiting import wait_for  # noqa: PLC0415

    places = places_here()
    return wait_for(places, _projects(names, listed, places, needed=True), timeout_s)


@framectl.command()
@click.argument("names", metavar="PROJECT...", nargs=-1)
@click.option("--projects", "listed", metavar="A,B", help="The same, in one word.")
@root_option
def cancel(names: tuple[str, ...], listed: str | None) -> int:
    """Stop extracting projects, or take them out of the queue. Images already written stay."""
    from framed.control.messages import Cancel, CancelReply  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415

    places = places_here()
    with connect(places) as daemon:
        request = Cancel(projects=_projects(names, listed, places, needed=True), key=_new_key())
        reply = daemon.call("cancel", request, CancelReply)
    for outcome in reply.outcomes:
        click.echo(f"{outcome.project}: {outcome.message}")
    return Exit.OK


def _projects(names: tuple[str, ...], listed: str | None, places: Places, *, needed: bool = False) -> tuple[str, ...]:
    """The projects that were named, each once: `a b`, `a,b`, and a folder that has a comma in its own name."""
    found: dict[str, None] = {}
    for text in (*names, *([listed] if listed is not None else [])):
        is_folder = "," in text and os.path.isdir(places.raw_videos / text)
        for name in [text] if is_folder else text.split(","):
            if name.strip():
                found[_utf8(name.strip())] = None
    if needed and not found:
        raise click.UsageError("say which project")
    return tuple(found)


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{name!a} is not UTF-8; rename that folder") from None
    return name


def _new_key() -> str:
    return os.urandom(16).hex()
