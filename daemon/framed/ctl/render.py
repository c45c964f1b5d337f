"""Status and projects as lines of text, for a terminal of any width and for a pipe. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from frame_extractor.contract.quantities import clock as clock_text
from frame_extractor.contract.quantities import count, size
from framed.ctl.layout import Column, aligned, bar, fitted, full_text, table
from framed.ctl.terminal import Terminal
from framed.errors import listed
from framed.printable import printable
from framed.protocol.messages import ProjectState, ProjectStatus, StatusReply
from framed.protocol.queries import FilmState, ProjectFacts, ProjectsReply

COLOURS: Final = {
    ProjectState.NEW: "cyan",
    ProjectState.SETTLING: "cyan",
    ProjectState.IGNORED: "white",
    ProjectState.QUEUED: "blue",
    ProjectState.RUNNING: "green",
    ProjectState.RETRYING: "yellow",
    ProjectState.PAUSED: "yellow",
    ProjectState.COMPLETE: "bright_green",
    ProjectState.FAILED: "bright_red",
    ProjectState.CANCELLED: "magenta",
}
URGENCY: Final = (
    ProjectState.RUNNING, ProjectState.RETRYING, ProjectState.FAILED, ProjectState.PAUSED, ProjectState.QUEUED,
    ProjectState.SETTLING, ProjectState.NEW, ProjectState.CANCELLED, ProjectState.COMPLETE, ProjectState.IGNORED,
)  # fmt: skip
"""The order of a list of projects: those that need attention first, finished ones last."""
_NARROW: Final = 100
"""Columns of a terminal; below this the bars are shorter."""


def status_lines(
    reply: StatusReply,
    terminal: Terminal,
    raw_videos: Path,
    *,
    no_match: Sequence[ProjectState] = (),
    with_logs: bool = False,
) -> list[str]:
    """The machine, notices, then a line for each project. `no_match`: states that were asked for and that no project
    is in. `with_logs`: followed by the last log lines of failed projects.
    """
    lines = [*fitted(_machine_parts(reply), terminal.width), *_notice_lines(reply.notices, terminal)]
    if no_match:
        return [*lines, "", f"no project is in state {' or '.join(state.value for state in no_match)}"]
    if not reply.projects:
        return [*lines, "", *_no_projects(str(raw_videos), terminal)]
    columns = [
        Column[ProjectStatus]("PROJECT", lambda project: project.name),
        Column[ProjectStatus]("STATE", lambda project: project.state.value),
        Column[ProjectStatus]("PROGRESS", lambda project: _progress(project, terminal), right=terminal.width is None),
        Column[ProjectStatus]("IMAGES", lambda project: f"{project.frames:,}" if project.frames else "-", right=True),
        Column[ProjectStatus]("WORKERS", lambda project: str(project.workers or "-"), right=True),
        Column[ProjectStatus]("ELAPSED", lambda project: duration(project.elapsed_s), right=True),
        Column[ProjectStatus]("ETA", lambda project: duration(project.eta_s), right=True),
        Column[ProjectStatus]("ATTEMPT", _attempt, right=True),
    ]
    lines += ["", *table(reply.projects, columns, terminal, note=_note, colour=lambda row: COLOURS[row.state])]
    for project in reply.projects if with_logs else ():
        lines += _log_lines(project, terminal)
    return lines


def projects_lines(reply: ProjectsReply, terminal: Terminal) -> list[str]:
    """Notices, then a line for each project: number of extracted films, and the output folder."""
    lines = _notice_lines(reply.notices, terminal)
    if not reply.projects:
        return [*lines, *_no_projects(reply.raw_videos, terminal)]
    columns = [
        Column[ProjectFacts]("PROJECT", lambda project: project.name),
        Column[ProjectFacts]("STATE", lambda project: project.state.value),
        Column[ProjectFacts]("FILMS", _films_done, right=True),
        Column[ProjectFacts]("SIZE", _films_size, right=True),
        Column[ProjectFacts]("IMAGES", lambda project: f"{project.frames:,}" if project.frames else "-", right=True),
    ]
    rows = table(
        reply.projects,
        columns,
        terminal,
        note=_films_note,
        colour=lambda row: COLOURS[row.state],
        note_title="OUTPUT, AND FILMS NOT EXTRACTED",
    )
    return [*lines, *([""] if lines else []), *rows]


def duration(seconds: float | None) -> str:
    """`4:05`, `1:02:03`; a dash for None."""
    return "-" if seconds is None else clock_text(seconds)


def clock(time_s: float) -> str:
    """A time in a film: `1:02:03.4`."""
    tenths = round(time_s * 10)
    return f"{duration(tenths // 10)}.{tenths % 10}"


def _log_lines(project: ProjectStatus, terminal: Terminal) -> list[str]:
    if not project.last_lines:
        return []
    head = printable(f"last lines of the log of {project.name}, {project.log}:")
    return ["", *full_text(head, terminal), *aligned([[line] for line in project.last_lines], terminal)]


def _notice_lines(notices: Sequence[str], terminal: Terminal) -> list[str]:
    lines = [line for notice in notices for line in full_text(printable(notice), terminal)]
    return [click.style(line, fg="yellow") for line in lines] if terminal.colour else lines


def _no_projects(raw_videos: str, terminal: Terminal) -> list[str]:
    return full_text(printable(f"no projects yet; copy a film to {raw_videos}/NAME/"), terminal)


def _machine_parts(reply: StatusReply) -> list[str]:
    machine, slots = reply.machine, reply.slots
    parts = [
        f"CPU {machine.cpu_percent:.0f}% of {machine.cores} cores"
        if machine.cores != 1
        else f"CPU {machine.cpu_percent:.0f}%",
        f"memory {size(machine.memory_used_bytes)} of {size(machine.memory_total_bytes)}",
        f"slots {slots.used} of {slots.total}",
        f"running {slots.running_projects} of at most {count(slots.max_active, 'project')}",
    ]
    if machine.output_free_bytes is not None:
        parts.append(f"{size(machine.output_free_bytes)} free for output")
    return parts


def _attempt(project: ProjectStatus) -> str:
    return f"{project.attempt}/{project.max_attempts}" if project.attempt else "-"


def _note(project: ProjectStatus) -> str:
    if project.reason or project.state is not ProjectState.RUNNING:
        return project.reason
    speed = f"{project.realtime_factor:.1f}x realtime" if project.realtime_factor else ""
    return ", ".join(part for part in (project.stage, speed) if part)


def _progress(project: ProjectStatus, terminal: Terminal) -> str:
    """A percentage, rounded down so that 100 means complete; on a terminal with a bar."""
    if project.state in (ProjectState.NEW, ProjectState.SETTLING, ProjectState.IGNORED):
        return "-"
    percent = f"{int(project.progress * 100):3}%"
    if terminal.width is None:
        return percent.strip()
    cells = 8 if terminal.width < _NARROW else 12
    return f"{bar(project.progress, cells, unicode=terminal.unicode)} {percent}"


def _films_done(project: ProjectFacts) -> str:
    states = [film.state for film in project.films if film.state is not FilmState.IGNORED]
    return f"{states.count(FilmState.EXTRACTED)} of {len(states)}" if states else "-"


def _films_size(project: ProjectFacts) -> str:
    return size(sum(film.size_bytes for film in project.films)) if project.films else "-"


def _films_note(project: ProjectFacts) -> str:
    """The output folder, and the films without images, by state."""
    parts = [project.output_dir] if project.output_dir and project.frames else []
    for state in FilmState:
        films = [film for film in project.films if film.state is state]
        if films and state is not FilmState.EXTRACTED:
            [reason, *others] = {film.reason for film in films}
            why = f": {reason}" if reason and not others else ""
            parts.append(f"{state.value}: {listed([film.name for film in films])}{why}")
    return "; ".join((*parts, *project.notes))
