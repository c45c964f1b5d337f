"""`framectl wait`: watches projects until each has ended, through restarts of the daemon."""

from __future__ import annotations

import time
from typing import Final

import click

from framed.control.messages import ErrorCode, ProjectState, ProjectStatus, Status, StatusReply
from framed.ctl.client import CallFailed, connect
from framed.ctl.terminal import printable
from framed.errors import DaemonUnreachable, Exit
from framed.places import Places

POLL_S: Final = 0.5


def wait_for(places: Places, projects: tuple[str, ...], timeout_s: float | None) -> Exit:
    """How the projects ended, the worst first: failed, cancelled, complete; or that the time was up.

    Raises DaemonUnreachable only when the daemon cannot be reached at the beginning; later it is waited for.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    ended: dict[str, ProjectState] = {}
    latest: dict[str, ProjectStatus] = {}
    away = False
    while True:
        try:
            open_ones = tuple(name for name in projects if name not in ended)
            for project in _status(places, open_ones):
                if project.state is ProjectState.NEW and project.name not in latest:
                    why = project.reason or "nobody has submitted it"
                    click.echo(f"framectl: {project.name} is NEW ({why}); waiting all the same", err=True)
                latest[project.name] = project
            seen_over = tuple(name for name in open_ones if name in latest and latest[name].state.is_terminal)
            for project in _looked_at(places, seen_over):
                latest[project.name] = project
                if project.state.is_terminal:
                    ended[project.name] = project.state
                    _tell_end(project)
            if away:
                click.echo("framectl: the daemon is back", err=True)
            away = False
        except DaemonUnreachable as unreachable:
            if not latest:
                raise
            if not away:
                click.echo(f"framectl: the daemon is away ({unreachable.why}); waiting for it to come back", err=True)
            away = True
        if len(ended) == len(projects):
            return _worst(set(ended.values()))
        if deadline is not None and time.monotonic() >= deadline:
            missing = ", ".join(f"{name} ({_where(latest.get(name))})" for name in projects if name not in ended)
            click.echo(f"framectl: time is up after {timeout_s:g} s, not yet ended: {missing}", err=True)
            return Exit.TIMED_OUT
        time.sleep(POLL_S if deadline is None else min(POLL_S, max(0.0, deadline - time.monotonic())))


def _status(places: Places, projects: tuple[str, ...], *, look: bool = False) -> tuple[ProjectStatus, ...]:
    with connect(places) as daemon:
        return daemon.call("status", Status(projects=projects, look=look), StatusReply).projects


def _looked_at(places: Places, projects: tuple[str, ...]) -> tuple[ProjectStatus, ...]:
    """How projects that seem to have ended are doing after one more look at their films: a film that has just been
    copied makes the end of an earlier one no end. None of them while the disk does not answer.
    """
    if not projects:
        return ()
    try:
        return _status(places, projects, look=True)
    except CallFailed as failed:
        if failed.code != ErrorCode.REFUSED:
            raise
        return ()


def _tell_end(project: ProjectStatus) -> None:
    where = f" in {project.output_dir}" if project.output_dir and project.state is ProjectState.COMPLETE else ""
    frames = f", {project.frames:,} frames{where}" if project.frames else ""
    why = f"{'; ' if where else ': '}{project.reason}" if project.reason else ""
    click.echo(printable(f"{project.name} {project.state.value}{frames}{why}"))


def _where(project: ProjectStatus | None) -> str:
    if project is None:
        return "unknown"
    if project.state is ProjectState.RUNNING:
        return f"RUNNING {int(project.progress * 100)}%"
    return str(project.state.value)


def _worst(states: set[ProjectState]) -> Exit:
    if ProjectState.FAILED in states:
        return Exit.FAILED
    return Exit.CANCELLED if ProjectState.CANCELLED in states else Exit.OK
