"""The monitor's model, built from events: projects, their order, their rows. Pure; reads no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from framed.ctl.layout import bar, shortened
from framed.ctl.render import COLOURS, URGENCY, duration
from framed.printable import printable
from framed.protocol.messages import ProjectState, ProjectStatus
from framed.protocol.subscription import Event

SORTS: Final = ("state", "name", "progress", "eta")
RATE_WINDOW_S: Final = 30.0
"""Over which images a second are averaged: they come in bursts, when spans of the film are finished."""
_WIDE: Final = 120
"""Columns of the screen from which bars are shown."""
_NARROWEST_NAME: Final = 8
_SHORTENED_NAME: Final = 18
"""Cells that a long name keeps beside notes; if there are fewer, notes are left out."""
_NARROWEST_NOTE: Final = 20
_BAR_CELLS: Final = 12
_PADDING: Final = 2
"""Cells of padding: of each column, both sides together; and of the scroll bar."""


@dataclass(frozen=True)
class Cells:
    """One column: its width without padding, and whether it is aligned to the right."""

    title: str
    width: int
    right: bool = True


class View:
    """The state after all events so far."""

    def __init__(self) -> None:
        self.projects: dict[str, ProjectStatus] = {}
        self.event: Event | None = None
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def apply(self, event: Event, now_s: float) -> bool:
        """Applies the event. True when a state or the set of projects changed: draw at once, progress can wait.

        `now_s`: when the event was read, monotonic.
        """
        before = self._states()
        self.event = event
        if event.full:
            self.projects = {}
        self.projects |= {project.name: project for project in event.projects}
        for name in event.removed:
            self.projects.pop(name, None)
        for name, project in self.projects.items():
            counts = self._counts.setdefault(name, deque())
            if project.state is not ProjectState.RUNNING or (counts and project.frames < counts[-1][1]):
                counts.clear()
            counts.append((now_s, project.frames))
            while len(counts) > 2 and now_s - counts[1][0] >= RATE_WINDOW_S:
                counts.popleft()
        for name in self._counts.keys() - self.projects:
            del self._counts[name]
        return self._states() != before

    def _states(self) -> tuple[object, ...]:
        draining = self.event is not None and self.event.draining
        return draining, {name: project.state for name, project in self.projects.items()}

    def images_per_s(self, name: str) -> float | None:
        """Averaged over RATE_WINDOW_S; None when it does not run, or has not run long enough."""
        counts = self._counts.get(name, deque())
        if len(counts) < 2 or counts[-1][0] - counts[0][0] < 1:
            return None
        return (counts[-1][1] - counts[0][1]) / (counts[-1][0] - counts[0][0])

    def shown(self, sort: str, needle: str) -> list[ProjectStatus]:
        """The projects whose name contains the needle or whose state it is, in that order."""
        found = [
            project
            for project in self.projects.values()
            if needle.lower() in project.name.lower() or needle.upper() == project.state.value
        ]
        return sorted(found, key=lambda project: (_rank(project, sort), project.name))

    def row(self, project: ProjectStatus, columns: tuple[Cells, ...]) -> tuple[Text, ...]:
        """The project's cells for these columns."""
        rate = self.images_per_s(project.name)
        percent = f"{int(project.progress * 100)}%"
        texts = {
            "PROJECT": printable(project.name),
            "STATE": project.state.value,
            "DONE": percent,
            "PROGRESS": f"{bar(project.progress, _BAR_CELLS)} {percent:>4}",
            "IMAGES": f"{project.frames:,}" if project.frames else "-",
            "IMG/S": f"{rate:.1f}" if rate is not None else "-",
            "xREAL": f"{project.realtime_factor:.1f}" if project.realtime_factor else "-",
            "ETA": duration(project.eta_s),
            "W": str(project.workers or "-"),
            "ATT": f"{project.attempt}/{project.max_attempts}" if project.attempt else "-",
            "NOTE": printable(project.reason or project.stage),
        }
        return tuple(
            Text(
                shortened(texts[column.title], column.width),
                style=COLOURS[project.state] if column.title == "STATE" else "",
                justify="right" if column.right else "left",
                no_wrap=True,
            )
            for column in columns
        )


def columns_at(width: int, longest_name: int) -> tuple[Cells, ...]:
    """The columns that fit on a screen `width` cells wide, with their padding and a scroll bar.

    `longest_name`: in cells, of the projects shown. NOTE gets what PROJECT does not need; if that is too little, it
    goes to PROJECT. On a narrow screen columns are left out from the right.
    """
    is_wide = width >= _WIDE
    progress = Cells("PROGRESS", _BAR_CELLS + 5, right=False) if is_wide else Cells("DONE", 4)
    fixed: tuple[Cells, ...] = (
        Cells("STATE", 9, right=False),
        progress,
        Cells("IMAGES", 7),
        Cells("IMG/S", 5),
        Cells("xREAL", 5),
        Cells("ETA", 7),
        Cells("W", 2),
        Cells("ATT", 3),
    )
    # The least important columns are last, and are left out first.
    while fixed[1:] and _room(width, fixed) < _NARROWEST_NAME:
        fixed = fixed[:-1]
    room = _room(width, fixed)
    name_width = min(max(longest_name, _NARROWEST_NAME), width // 5 if is_wide else room)
    note_width = room - name_width - _PADDING
    if note_width < _NARROWEST_NOTE:
        # A long name is shortened in favour of the notes, but must stay distinguishable.
        name_width, note_width = room - _NARROWEST_NOTE - _PADDING, _NARROWEST_NOTE
    if name_width < min(longest_name, _SHORTENED_NAME) or name_width < _NARROWEST_NAME:
        return (Cells("PROJECT", max(room, _NARROWEST_NAME), right=False), *fixed)
    return (Cells("PROJECT", name_width, right=False), *fixed, Cells("NOTE", note_width, right=False))


def _room(width: int, columns: tuple[Cells, ...]) -> int:
    """Cells left for one more column beside these."""
    return width - sum(column.width + _PADDING for column in columns) - 2 * _PADDING


def _rank(project: ProjectStatus, sort: str) -> float:
    match sort:
        case "state":
            return URGENCY.index(project.state)
        case "progress":
            return -project.progress
        case "eta":
            return project.eta_s if project.eta_s is not None else float("inf")
        case _:
            return 0
