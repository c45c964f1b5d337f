"""What the monitor shows, from events: the projects as they are, and their rows. Pure; reads no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from framed.control.messages import ProjectState, ProjectStatus
from framed.control.subscription import Event
from framed.ctl.render import duration, size
from framed.ctl.terminal import printable

SORTS: Final = ("name", "state", "progress", "eta")
RATE_WINDOW_S: Final = 10.0
"""Over which images a second are told."""
_WIDE: Final = 110
"""Columns from which there is room for bars."""
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_BUSIEST: Final = (
    ProjectState.RUNNING, ProjectState.RETRYING, ProjectState.PAUSED, ProjectState.QUEUED, ProjectState.SETTLING,
    ProjectState.NEW, ProjectState.FAILED, ProjectState.CANCELLED, ProjectState.COMPLETE,
    ProjectState.IGNORED,
)  # fmt: skip


class View:
    """Everything that was told, put together."""

    def __init__(self) -> None:
        self.projects: dict[str, ProjectStatus] = {}
        self.event: Event | None = None
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def take(self, event: Event, now_s: float) -> None:
        """`now_s`: when it was read, monotonic."""
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

    def images_per_s(self, name: str) -> float | None:
        """Over the last seconds; None when it does not run, or not long enough to tell."""
        counts = self._counts.get(name, deque())
        if len(counts) < 2 or counts[-1][0] - counts[0][0] < 1:
            return None
        return (counts[-1][1] - counts[0][1]) / (counts[-1][0] - counts[0][0])

    def shown(self, sort: str, needle: str) -> list[ProjectStatus]:
        """The projects whose name or state has the needle in it, in that order."""
        found = [
            project
            for project in self.projects.values()
            if needle.lower() in project.name.lower() or needle.upper() == project.state.value
        ]
        return sorted(found, key=lambda project: (_rank(project, sort), project.name))

    def row(self, project: ProjectStatus, width: int) -> tuple[str, ...]:
        """Its cells, for a screen of that many columns; as `titles`."""
        rate = self.images_per_s(project.name)
        percent = f"{int(project.progress * 100)}%"
        n_name = max(14, width - 78 if width < _WIDE else width // 4)
        name = printable(project.name)
        cells = (
            name if len(name) <= n_name else f"{name[: n_name - 1]}…",
            project.state.value,
            f"{_bar(project.progress)} {percent:>4}" if width >= _WIDE else percent,
            f"{project.frames:,}" if project.frames else "-",
            f"{rate:.1f}" if rate is not None else "-",
            f"{project.realtime_factor:.1f}" if project.realtime_factor else "-",
            duration(project.eta_s),
            str(project.workers or "-"),
            f"{project.attempt}/{project.max_attempts}" if project.attempt else "-",
        )
        return (*cells, printable(project.reason or project.stage)) if width >= _WIDE else cells


def titles(width: int) -> tuple[str, ...]:
    narrow = ("PROJECT", "STATE", "DONE", "IMAGES", "IMG/S", "xREAL", "ETA", "W", "ATT")
    return (*narrow, "NOTE") if width >= _WIDE else narrow


def machine_lines(event: Event) -> list[str]:
    """A bar for each core, memory, disk and slots; then the notices."""
    machine, slots = event.machine, event.slots
    cores = "".join(_level(percent) for percent in machine.cores_percent)
    free = f"  disk {size(machine.output_free_bytes)} free" if machine.output_free_bytes is not None else ""
    memory = f"memory {size(machine.memory_used_bytes)} of {size(machine.memory_total_bytes)}"
    draining = "  DRAINING" if event.draining else ""
    first = f"CPU {cores} {machine.cpu_percent:.0f}%  {memory}{free}  slots {slots.used}/{slots.total}{draining}"
    return [first, *map(printable, event.notices)]


def detail_lines(project: ProjectStatus, log: Iterable[str]) -> list[str]:
    """What else is known of it: why it waits or failed, its errors, then the end of its log."""
    lines = [f"{printable(project.name)}  {project.state.value}  {printable(project.reason or project.stage)}"]
    if project.last_lines:
        lines += ["the last attempt ended with", *(f"  {printable(line)}" for line in project.last_lines)]
    if project.log:
        lines.append(printable(project.log))
    return [*lines, *map(printable, log)]


def _rank(project: ProjectStatus, sort: str) -> float:
    match sort:
        case "state":
            return _BUSIEST.index(project.state)
        case "progress":
            return -project.progress
        case "eta":
            return project.eta_s if project.eta_s is not None else float("inf")
        case _:
            return 0


def _bar(fraction: float, cells: int = 12) -> str:
    full = int(fraction * cells)
    return "━" * full + "─" * (cells - full)


def _level(percent: float) -> str:
    return _LEVELS[min(int(percent / 100 * len(_LEVELS)), len(_LEVELS) - 1)]
