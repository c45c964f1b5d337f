"""Names of projects on a command line: `a b`, `a,b`, `--projects a,b`; completed by Tab."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from framed.ctl.command_line import given_root, places_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from framed.settings.places import Places

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETION_TIMEOUT_S = 0.5


def projects_arguments(*, needed: bool = True) -> Callable[[F], F]:
    """Adds PROJECT... and --projects, as `project_names` and `listed`; read them with `chosen_projects`."""

    def decorate(command: F) -> F:
        metavar = "PROJECT..." if needed else "[PROJECT...]"
        command = click.option(
            "--projects",
            "listed",
            metavar="A,B",
            help="Projects as one comma-separated list.",
            shell_complete=complete_name,
        )(command)
        return click.argument("project_names", metavar=metavar, nargs=-1, shell_complete=complete_name)(command)

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
        folder = _below_raw_videos(text, lambda: places)
        is_folder = "," in text and len(folder) == 1 and os.path.isdir(places.raw_videos / folder[0])
        for name in [text] if is_folder else text.split(","):
            if name.strip():
                found[_utf8(project_of(_trimmed(name, lambda: places), lambda: places))] = None
    if needed and not found:
        raise click.UsageError("name a project")
    return tuple(found)


def chosen_or_all(names: tuple[str, ...], listed: str | None, places: Places, *, every: bool) -> tuple[str, ...]:
    """The projects that were named; empty with --all. Raises UsageError for neither and for both."""
    projects = chosen_projects(names, listed, places)
    if every and projects:
        raise click.UsageError("name projects or give --all, not both")
    if not every and not projects:
        raise click.UsageError("name a project, or give --all")
    return projects


def project_of(typed: str, places: Callable[[], Places]) -> str:
    """The project that is meant: its name, or the path of its folder as Tab makes it (`onward/`, `raw_videos/onward`).

    Any other path stays as it was typed. `places` is called only for a path. Raises UsageError for a path inside a
    project's folder.
    """
    project, *inner = _below_raw_videos(typed, places) or [typed]
    if inner:
        raise click.UsageError(f"{typed} is inside a project's folder; name the project: {project}")
    return project


def _below_raw_videos(typed: str, places: Callable[[], Places]) -> list[str]:
    """The names of the folders on the way from raw_videos to it; a name alone is a folder there. Empty for elsewhere.

    A path counts from the current folder, else from the root.
    """
    alone = typed.rstrip("/")
    if alone and "/" not in alone and alone not in (".", ".."):
        return [alone]
    if "/" not in typed:
        return [typed]
    raw_videos = places().raw_videos
    for folder in (raw_videos, Path(os.path.realpath(raw_videos))):
        for base in (Path.cwd(), places().root):
            path = Path(os.path.normpath(base / typed))
            if path != folder and path.is_relative_to(folder):
                return [*path.relative_to(folder).parts]
    return []


def complete_name(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes a name, also after a comma."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415

    before, comma, last = incomplete.rpartition(",")
    taken = {*before.split(","), *(context.params.get("project_names") or ())}
    known = [name for name in _known_names(context) if name not in taken]
    # A name that contains a comma cannot be part of a list.
    found = [name for name in known if name.startswith(incomplete)] if comma else []
    found += [f"{before}{comma}{name}" for name in known if name.startswith(last) and not (comma and "," in name)]
    return [CompletionItem(each) for each in found]


def _known_names(context: click.Context) -> list[str]:
    """The projects the daemon knows, else those that have a folder; empty on an error."""
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.errors import FramedError  # noqa: PLC0415
    from framed.protocol.messages import Status, StatusReply  # noqa: PLC0415

    try:
        places = places_of(given_root(context))
        try:
            with connect(places, patience_s=_COMPLETION_TIMEOUT_S) as daemon:
                names = [project.name for project in daemon.call("status", Status(), StatusReply).projects]
        except FramedError:
            names = sorted(entry.name for entry in os.scandir(places.raw_videos) if entry.is_dir())
    except (FramedError, OSError):
        return []
    return [name for name in names if name.isprintable() and not name.startswith(".")]


def _checked_name(context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.UsageError("name a project")
    if context.resilient_parsing:
        return value

    def places() -> Places:
        return places_of(given_root(context))

    return _utf8(project_of(_trimmed(value, places), places))


def _trimmed(typed: str, places: Callable[[], Places]) -> str:
    """The name without surrounding spaces, unless a folder has exactly that name."""
    bare = typed.strip()
    return typed if typed != bare and os.path.isdir(places().raw_videos / typed) else bare


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{name!a} is not UTF-8; rename that folder") from None
    return name
