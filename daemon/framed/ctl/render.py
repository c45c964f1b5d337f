"""Status as lines of text, for a terminal of any width and for a pipe. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
from rich.cells import cell_len, chop_cells, set_cell_size

from framed.control.messages import ProjectState, ProjectStatus, StatusReply
from framed.ctl.terminal import Terminal, printable

_COLOURS: Final = {
    ProjectState.NEW: "cyan",
    ProjectState.SETTLING: "cyan",
    ProjectState.QUEUED: "blue",
    ProjectState.RUNNING: "green",
    ProjectState.RETRYING: "yellow",
    ProjectState.COMPLETE: "bright_green",
    ProjectState.FAILED: "bright_red",
    ProjectState.CANCELLED: "magenta",
}
_GAP: Final = "  "
_NARROW: Final = 100
"""Columns of a terminal below which the bars are shorter."""
_NARROWEST_NAME: Final = 8
_WIDEST_NAME: Final = 40
_WIDEST_NAME_IN_A_PIPE: Final = 80
_NARROWEST_NOTE: Final = 30
"""Cells; notes with less room than this go below their projects."""
_INDENT: Final = "    "
_BETWEEN_WORDS: Final = re.compile(r"(?<!\d)\s+|\s+(?!s\b)")
"""White space, but for what stands between a number and its seconds."""


def status_lines(reply: StatusReply, terminal: Terminal, raw_videos: Path, *, with_logs: bool = False) -> list[str]:
    """The machine, notices, then a line for each project; a note that finds no room in it goes on below, to its last
    word. `with_logs`: then the ends of the logs of those that failed.
    """
    lines = _fitted(_machine_parts(reply), terminal.width)
    lines += [line for notice in reply.notices for line in _notice_lines(printable(notice), terminal)]
    if not reply.projects:
        hint = printable(f"no projects yet; put a film into {raw_videos}/NAME/")
        return [*lines, "", *_whole(hint, terminal)]
    lines += ["", *_table(reply.projects, terminal)]
    for project in reply.projects if with_logs else ():
        lines += _log_lines(project, terminal)
    return lines


def duration(seconds: float | None) -> str:
    """`4:05`, `1:02:03`; a dash for what is not known."""
    if seconds is None:
        return "-"
    minutes, s = divmod(max(0, round(seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def size(n_bytes: float) -> str:
    """`3.4 GB`, in powers of 1000 as disks are sold; memory differs from it by less than anybody acts on."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= 99.5 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def _log_lines(project: ProjectStatus, terminal: Terminal) -> list[str]:
    if not project.last_lines:
        return []
    head = f"the log of {project.name}, {project.log}, ended with"
    body = [
        _INDENT + part
        for line in project.last_lines
        for part in _whole(printable(line), replace(terminal, width=terminal.width and terminal.width - len(_INDENT)))
    ]
    return ["", *_whole(printable(head), terminal), *body]


def _notice_lines(notice: str, terminal: Terminal) -> list[str]:
    lines = _whole(notice, terminal)
    return [click.style(line, fg="yellow") for line in lines] if terminal.colour else lines


def _machine_parts(reply: StatusReply) -> list[str]:
    machine, slots = reply.machine, reply.slots
    parts = [
        f"CPU {machine.cpu_percent:.0f}% of {machine.cores} cores"
        if machine.cores != 1
        else f"CPU {machine.cpu_percent:.0f}%",
        f"memory {size(machine.memory_used_bytes)} of {size(machine.memory_total_bytes)}",
        f"slots {slots.used} of {slots.total}",
        f"running {slots.running_projects} of at most {slots.max_active} project{'s' * (slots.max_active != 1)}",
    ]
    if machine.output_free_bytes is not None:
        parts.append(f"{size(machine.output_free_bytes)} free for output")
    return parts


def _fitted(parts: Sequence[str], width: int | None) -> list[str]:
    """The parts side by side, on as many lines as the width makes necessary."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{_GAP} {part}" if lines else part
        if lines and (width is None or cell_len(joined) <= width):
            lines[-1] = joined
        else:
            lines += [part] if width is None else _wrapped(part, width)
    return lines


@dataclass(frozen=True)
class _Column:
    title: str
    text: Callable[[ProjectStatus], str]
    right: bool = False


def _table(projects: Sequence[ProjectStatus], terminal: Terminal) -> list[str]:
    columns = [
        _Column("PROJECT", lambda project: printable(project.name)),
        _Column("STATE", lambda project: project.state.value),
        _Column("PROGRESS", lambda project: _progress(project, terminal), right=terminal.width is None),
        _Column("FRAMES", lambda project: f"{project.frames:,}" if project.frames else "-", right=True),
        _Column("WORKERS", lambda project: str(project.workers or "-"), right=True),
        _Column("ELAPSED", lambda project: duration(project.elapsed_s), right=True),
        _Column("ETA", lambda project: duration(project.eta_s), right=True),
        _Column(
            "ATTEMPT",
            lambda project: f"{project.attempt}/{project.max_attempts}" if project.attempt else "-",
            right=True,
        ),
    ]
    texts = [[column.text(project) for column in columns] for project in projects]
    widths = [
        max(cell_len(column.title), *(cell_len(row[number]) for row in texts)) for number, column in enumerate(columns)
    ]
    widths[0] = min(widths[0], _WIDEST_NAME_IN_A_PIPE)
    if terminal.width is not None:
        others = sum(widths[1:]) + len(_GAP) * len(widths[1:])
        widths[0] = max(_NARROWEST_NAME, min(widths[0], _WIDEST_NAME, terminal.width - others))
    note_room = _note_room(widths, terminal.width)
    head = _row([column.title for column in columns], columns, widths)
    lines = [_cut(f"{head}{_GAP}NOTE" if note_room != 0 else head.rstrip(), terminal)]
    for project, row in zip(projects, texts, strict=True):
        lines += _project_lines(project, _row(row, columns, widths), widths[0], note_room, terminal)
    return lines


def _project_lines(
    project: ProjectStatus, row: str, name_width: int, note_room: int | None, terminal: Terminal
) -> list[str]:
    note = printable(_note(project))
    if terminal.width is None or note_room is None:
        return [f"{row}{_GAP}{note}".rstrip()]
    if note_room == 0:
        lines = [_cut(row.rstrip(), terminal)]
        lines += [_INDENT + part for part in _wrapped(note, terminal.width - len(_INDENT))]
    else:
        first, *others = _wrapped(note, note_room) or [""]
        lines = [f"{row}{_GAP}{first}".rstrip(), *(" " * cell_len(row) + _GAP + part for part in others)]
    if terminal.colour:
        # The state's word begins where the name's column ends; colour is put in last, since it has no width.
        at = len(set_cell_size(lines[0], name_width + len(_GAP)))
        word = lines[0][at : at + len(project.state.value)]
        lines[0] = f"{lines[0][:at]}{click.style(word, fg=_COLOURS[project.state])}{lines[0][at + len(word) :]}"
        lines[1:] = [click.style(line, dim=True) for line in lines[1:]]
    return lines


def _note(project: ProjectStatus) -> str:
    if project.reason or project.state is not ProjectState.RUNNING:
        return project.reason
    speed = f"{project.realtime_factor:.1f}x realtime" if project.realtime_factor else ""
    return ", ".join(part for part in (project.stage, speed) if part)


def _progress(project: ProjectStatus, terminal: Terminal) -> str:
    """A percentage, rounded down so that 100 means done; on a terminal with a bar."""
    if project.state in (ProjectState.NEW, ProjectState.SETTLING):
        return "-"
    percent = f"{int(project.progress * 100):3}%"
    if terminal.width is None:
        return percent.strip()
    cells = 8 if terminal.width < _NARROW else 12
    full, half, empty = ("━", "╸", "─") if terminal.unicode else ("#", "-", "-")
    n_full, n_half = divmod(int(project.progress * cells * 2), 2)
    return f"{full * n_full}{half * n_half}{empty * (cells - n_full - n_half)} {percent}"


def _row(texts: Sequence[str], columns: Sequence[_Column], widths: Sequence[int]) -> str:
    cells = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        fitted = _shortened(text, width)
        padding = " " * (width - cell_len(fitted))
        cells.append(f"{padding}{fitted}" if column.right else f"{fitted}{padding}")
    return _GAP.join(cells)


def _note_room(widths: Sequence[int], width: int | None) -> int | None:
    """Cells left for a note beside the table: None for as many as it takes, 0 for none."""
    if width is None:
        return None
    room = width - sum(widths) - len(_GAP) * len(widths)
    return room if room >= _NARROWEST_NOTE else 0


def _wrapped(text: str, width: int) -> list[str]:
    """`text` on as many lines of so many cells as it takes, cut between words; within a word only when it is longer.

    A number and its unit are one word.
    """
    lines: list[str] = []
    for word in filter(None, _BETWEEN_WORDS.split(text)):
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines


def _whole(text: str, terminal: Terminal) -> list[str]:
    """`text` to its last word."""
    return [text] if terminal.width is None else _wrapped(text, terminal.width)


def _cut(line: str, terminal: Terminal) -> str:
    return line if terminal.width is None else _shortened(line, terminal.width)


def _shortened(text: str, width: int) -> str:
    """`text` in at most so many cells, wide characters counted as two; an ellipsis says that something is missing."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
