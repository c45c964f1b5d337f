"""The monitor's screen and keys. What it shows is in `view`; nothing that is done here is needed by the daemon."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import ClassVar, Final

import msgspec
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Static

from framed.control.inspection import Attach, AttachReply, Logs, LogsReply
from framed.control.messages import (
    Cancel,
    CancelReply,
    Drain,
    DrainReply,
    Pause,
    PauseReply,
    ProjectState,
    ProjectStatus,
    Resume,
    ResumeReply,
    Retry,
    RetryReply,
    Submit,
    SubmitReply,
    Undrain,
)
from framed.control.subscription import Event
from framed.ctl.client import connect
from framed.ctl.monitor.dialogs import Ask, Confirm, Help
from framed.ctl.monitor.stream import events
from framed.ctl.monitor.view import SORTS, View, detail_lines, machine_lines, titles
from framed.ctl.render import COLOURS
from framed.errors import Exit, FramedError
from framed.settings.places import Places

_LOG_LINES: Final = 100
_LOG_EVERY_S: Final = 1.0


def monitor_projects(places: Places, projects: tuple[str, ...]) -> Exit:
    """Shows these projects, or all, until it is left. Raises FramedError when the daemon is not there to begin with."""
    connect(places).close()
    Monitor(places, projects).run()
    return Exit.OK


class Monitor(App[None]):
    CSS = """
    #machine { height: auto; max-height: 4; background: $boost; }
    #away { height: auto; color: $error; }
    DataTable { height: 1fr; }
    #detail { height: 40%; border-top: solid $primary; }
    .follow DataTable { display: none; }
    .follow #detail { height: 1fr; }
    ModalScreen { align: center middle; }
    ModalScreen > Vertical { width: auto; max-width: 90%; height: auto; border: thick $primary; padding: 0 1; }
    ModalScreen Label { width: auto; }
    ModalScreen Input { width: 60; max-width: 100%; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("question_mark", "help", "Help"),
        Binding("s", "submit", "Submit"),
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Retry"),
        Binding("p", "pause", "Pause"),
        Binding("d", "drain", "Drain"),
        Binding("a", "attach", "Attach"),
        Binding("f", "follow", "Log"),
        Binding("o", "sort", "Order"),
        Binding("slash", "filter", "Filter"),
    ]

    def __init__(self, places: Places, projects: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._places = places
        self._only = projects
        self._view = View()
        self._names: list[str] = []
        """Of the rows, from above."""
        self._sort = SORTS[0]
        self._needle = ""
        self._log_end: tuple[str, list[str]] = ("", [])
        """Of which project, and its last lines."""

    def compose(self) -> ComposeResult:
        yield Static(id="machine")
        yield Static(id="away")
        yield DataTable[Text](cursor_type="row")
        yield Static(id="detail")
        yield Footer()

    def on_mount(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self.set_interval(_LOG_EVERY_S, self._read_log)

    def on_resize(self) -> None:
        self._names = []
        self._draw()

    def on_data_table_row_highlighted(self) -> None:
        self._draw_detail()
        self._read_log()

    @property
    def selected(self) -> ProjectStatus | None:
        row = self.query_one(DataTable).cursor_row
        return self._view.projects.get(self._names[row]) if 0 <= row < len(self._names) else None

    def action_submit(self) -> None:
        suggested = self.selected.name if self.selected else ""

        def answered(name: str | None) -> None:
            if name and name.strip():
                self._call("submit", Submit(projects=(name.strip(),), key=_key()), SubmitReply)

        self.call_later(self.push_screen, Ask("Submit which project?", suggested), answered)

    def action_cancel(self) -> None:
        if (project := self.selected) is not None:
            request = Cancel(projects=(project.name,), key=_key())
            question = f"Cancel {project.name}? Images already written stay."
            self._confirmed(question, lambda: self._call("cancel", request, CancelReply))

    def action_retry(self) -> None:
        if (project := self.selected) is not None:
            self._call("retry", Retry(projects=(project.name,), key=_key()), RetryReply)

    def action_pause(self) -> None:
        """Or resume, when it is paused."""
        if (project := self.selected) is None:
            return
        if project.state is ProjectState.PAUSED:
            self._call("resume", Resume(projects=(project.name,), key=_key()), ResumeReply)
        else:
            self._call("pause", Pause(projects=(project.name,), key=_key()), PauseReply)

    def action_drain(self) -> None:
        """Or undrain, when it drains."""
        if self._view.event is not None and self._view.event.draining:
            self._call("undrain", Undrain(key=_key()), DrainReply)
        else:
            request = Drain(key=_key())
            self._confirmed(
                "Drain: finish what runs and start nothing?", lambda: self._call("drain", request, DrainReply)
            )

    def action_attach(self) -> None:
        if (project := self.selected) is None:
            return
        try:
            with connect(self._places) as daemon:
                argv = daemon.call("attach", Attach(project=project.name), AttachReply).argv
        except FramedError as failed:
            self._say(str(failed), is_error=True)
            return
        with self.suspend():
            subprocess.run(argv, check=False)

    def action_follow(self) -> None:
        """The log takes the place of the table, and gives it back."""
        self.screen.toggle_class("follow")
        self._draw_detail()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._say(f"by {self._sort}")
        self._draw()

    def action_filter(self) -> None:
        def answered(needle: str | None) -> None:
            if needle is not None:
                self._needle = needle.strip()
                self._draw()

        self.call_later(self.push_screen, Ask("Show only names with, or projects that are", self._needle), answered)

    def action_help(self) -> None:
        keys = [f"{self.get_key_display(each):>2}  {_HELP[each.action]}" for each in self._bindings_of_own()]
        self.call_later(self.push_screen, Help("\n".join(keys)))

    def _bindings_of_own(self) -> list[Binding]:
        return [each for each in self.BINDINGS if isinstance(each, Binding)]

    def _confirmed(self, question: str, do: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                do()

        self.call_later(self.push_screen, Confirm(question), answered)

    @work(thread=True)
    def _call(self, method: str, params: msgspec.Struct, kind: type[msgspec.Struct]) -> None:
        try:
            with connect(self._places) as daemon:
                reply = daemon.call(method, params, kind)
        except FramedError as failed:
            self.call_from_thread(self._say, str(failed), is_error=True)
            return
        outcomes = [f"{each.project}: {each.message}" for each in getattr(reply, "outcomes", ())]
        self.call_from_thread(self._say, "\n".join(outcomes) or getattr(reply, "message", method))

    def _say(self, message: str, *, is_error: bool = False) -> None:
        self.notify(message, severity="error" if is_error else "information", markup=False)

    def _listen(self) -> None:
        with contextlib.suppress(RuntimeError):  # the app has ended
            for told in events(self._places, self._only):
                if not self.is_running:
                    return
                self.call_from_thread(self._take, told)

    def _take(self, told: Event | FramedError) -> None:
        away = self.query_one("#away", Static)
        away.display = isinstance(told, FramedError)
        if isinstance(told, FramedError):
            away.update(Text(f"daemon away: {told}"))
            return
        self._view.take(told, time.monotonic())
        self._draw()

    def _read_log(self) -> None:
        if (project := self.selected) is not None and project.log:
            self._fetch_log(project.name)

    @work(thread=True, exclusive=True, group="log")
    def _fetch_log(self, name: str) -> None:
        with contextlib.suppress(FramedError):
            with connect(self._places) as daemon:
                reply = daemon.call("logs", Logs(project=name, lines=_LOG_LINES), LogsReply)
            lines = reply.content.decode(errors="backslashreplace").expandtabs().splitlines()
            self.call_from_thread(self._show_log, name, lines)

    def _show_log(self, name: str, lines: list[str]) -> None:
        self._log_end = (name, lines)
        self._draw_detail()

    def _draw(self) -> None:
        if self._view.event is None:
            return
        self.query_one("#machine", Static).update(Text("\n".join(machine_lines(self._view.event))))
        width = self.size.width
        shown = self._view.shown(self._sort, self._needle)
        names = [project.name for project in shown]
        rows = [
            [Text(cell, style=COLOURS[project.state] if number == 1 else "") for number, cell in enumerate(cells)]
            for project in shown
            for cells in (self._view.row(project, width),)
        ]
        table = self.query_one(DataTable)
        if names == self._names:
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    table.update_cell_at(Coordinate(number, column), cell, update_width=True)
        else:
            before = self.selected
            table.clear(columns=True)
            table.add_columns(*titles(width))
            table.add_rows(rows)
            self._names = names
            if before is not None and before.name in names:
                table.move_cursor(row=names.index(before.name))
        self._draw_detail()

    def _draw_detail(self) -> None:
        detail, project = self.query_one("#detail", Static), self.selected
        if project is None:
            detail.update("")
            return
        log = self._log_end[1] if self._log_end[0] == project.name else []
        room = max(detail.size.height, 1)
        head = detail_lines(project, ())[:room]
        n_log = room - len(head)
        lines = detail_lines(project, log[-n_log:] if n_log else ())[:room]
        detail.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))


_HELP: Final = {
    "submit": "submit a project",
    "cancel": "cancel the selected project (asks first)",
    "retry": "retry what failed of it",
    "pause": "pause it; again: resume",
    "drain": "finish what runs, start nothing (asks first); again: undrain",
    "attach": "see its terminal; Ctrl-B D comes back",
    "follow": "only its log; again: back",
    "sort": "order by name, state, progress, ETA",
    "filter": "show only some",
    "help": "this",
    "quit": "leave; everything goes on",
}


def _key() -> str:
    """An idempotency key that no other request has."""
    return os.urandom(16).hex()
