"""How projects are named on a command line: `a b`, `a,b`, `--projects a,b`; completed by Tab."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from framed.ctl.command_line import given_root, places_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from framed.settings.places import Places

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETION_PATIENCE_S = 0.5


def projects_arguments(*, needed: bool = True) -> Callable[[F], F]:
    """Adds PROJECT... and --projects, which arrive as `names` and `listed`; read them with `chosen_projects`."""

    def decorate(command: F) -> F:
        metavar = "PROJECT..." if needed else "[PROJECT...]"
        command = click.option(
            "--projects", "listed", metavar="A,B", help="The same, in one word.", shell_complete=complete_name
        )(command)
        return click.argument("names", metavar=metavar, nargs=-1, shell_complete=complete_name)(command)

    return decorate


def project_argument(command: F) -> F:
    """Adds one PROJECT, which arrives as `name`."""
    return click.argument("name", metavar="PROJECT", callback=_checked_name, shell_complete=complete_name)(command)


def chosen_projects(
    names: tuple[str, ...], listed: str | None, places: Places, *, needed: bool = False
) -> tuple[str, ...]:
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


def chosen_or_all(names: tuple[str, ...], listed: str | None, places: Places, *, every: bool) -> tuple[str, ...]:
    """The projects that were named; none when --all was given instead. One of both must be, and not both."""
    projects = chosen_projects(names, listed, places)
    if every and projects:
        raise click.UsageError("say which projects, or --all, not both")
    if not every and not projects:
        raise click.UsageError("say which project, or --all")
    return projects


def complete_name(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tab after a word, or after a comma within one."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415

    before, comma, last = incomplete.rpartition(",")
    taken = {*before.split(","), *context.params.get("names", ())}
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in _known_names(context)
        if name.startswith(last) and name not in taken
    ]


def _known_names(context: click.Context) -> list[str]:
    """The projects the daemon knows, else those that have a folder; none rather than an error."""
    from framed.control.messages import Status, StatusReply  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.errors import FramedError  # noqa: PLC0415

    try:
        places = places_of(given_root(context))
        try:
            with connect(places, patience_s=_COMPLETION_PATIENCE_S) as daemon:
                names = [project.name for project in daemon.call("status", Status(), StatusReply).projects]
        except FramedError:
            names = sorted(entry.name for entry in os.scandir(places.raw_videos) if entry.is_dir())
    except (FramedError, OSError):
        return []
    return [name for name in names if name.isprintable() and not name.startswith(".")]


def _checked_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.UsageError("say which project")
    return _utf8(value.strip())


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{name!a} is not UTF-8; rename that folder") from None
    return name
