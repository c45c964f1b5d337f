"""A progress bar for each project that is waited for, on stderr, if that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Column

from framed.ctl.render import duration
from framed.printable import printable
from framed.protocol.messages import ProjectState, ProjectStatus


class ProgressBars:
    """A context: the bars are shown within it and removed at its end. Without a terminal nothing is shown."""

    def __init__(self, color: str) -> None:
        console = Console(file=sys.stderr, no_color=True if color == "never" else None, highlight=False)
        self._progress = Progress(
            TextColumn("{task.fields[name]}", markup=False, table_column=Column(no_wrap=True, max_width=40)),
            BarColumn(bar_width=24, complete_style="green", finished_style="green"),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            transient=True,
            # Other output must reach its own stream; it is printed within `hidden`.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._is_shown = console.is_terminal
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._is_shown:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._progress.stop()

    def update(self, projects: Iterable[ProjectStatus]) -> None:
        """Shows these projects' progress; the bar of one that has ended is removed."""
        for project in projects:
            task = self._tasks.get(project.name)
            if project.state.is_terminal:
                if task is not None:
                    self._progress.remove_task(self._tasks.pop(project.name))
                continue
            if task is None:
                task = self._progress.add_task("", total=1.0, name=printable(project.name), text="")
                self._tasks[project.name] = task
            self._progress.update(
                task, completed=int(project.progress * 100) / 100, text=printable(_status_text(project))
            )

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """A context in which the bars are hidden, so that lines can be printed."""
        if not self._is_shown:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


def _status_text(project: ProjectStatus) -> str:
    if project.state is not ProjectState.RUNNING:
        return f"{project.state.value}  {project.reason}".rstrip()
    left = f"{duration(project.eta_s)} left" if project.eta_s is not None else project.reason or project.stage
    return f"{project.frames:,} images  {left}"
