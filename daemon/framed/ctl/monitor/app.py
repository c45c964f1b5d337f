"""The monitor's screen and keys. What it shows is made in `view` and `panels`; the daemon does not depend on it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

import msgspec
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from framed.ctl.attach_command import command_for
from framed.ctl.client import connect
from framed.ctl.idempotency_keys import new_key
from framed.ctl.monitor.dialogs import Ask, Confirm, Help
from framed.ctl.monitor.panels import Details, detail_lines, log_lines, machine_lines
from framed.ctl.monitor.stream import details, events
from framed.ctl.monitor.view import SORTS, View
from framed.ctl.monitor.widgets import MessageLine, ProjectTable
from framed.errors import DaemonUnreachable, Exit, FramedError
from framed.printable import printable
from framed.protocol.messages import (
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
    Status,
    StatusReply,
    Submit,
    SubmitReply,
    Undrain,
)
from framed.protocol.queries import Attach, AttachReply
from framed.protocol.subscription import Event
from framed.settings.places import Places

_REDRAW_S: Final = 1.0
"""As often as extractors report progress. Drawing a long table is the monitor's largest cost."""
_NOTHING_TO_CANCEL: Final = frozenset(
    {ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED, ProjectState.NEW, ProjectState.IGNORED}
)


def monitor_projects(places: Places, projects: tuple[str, ...]) -> Exit:
    """Shows these projects, or all, until the user quits.

    Raises FramedError when the daemon is unreachable at the start, or knows no such project.
    """
    with connect(places) as daemon:
        daemon.call("status", Status(projects=projects), StatusReply)
    Monitor(places, projects).run()
    return Exit.OK


class Monitor(App[None]):
    CSS = """
    #machine { height: auto; max-height: 40%; background: $boost; }
    #away { height: auto; color: $error; text-style: bold; }
    #filter { height: 1; color: $warning; display: none; }
    #message { height: auto; max-height: 30%; display: none; background: $boost; }
    #message.error { color: $error; }
    DataTable { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    .away DataTable, .away #machine { opacity: 50%; }
    #detail { height: 40%; border-top: solid $primary; text-wrap: nowrap; text-overflow: ellipsis; }
    .follow DataTable { display: none; }
    .follow #detail { height: 1fr; }
    ModalScreen { align: center middle; }
    ModalScreen > Vertical { width: auto; max-width: 90%; height: auto; border: thick $primary; padding: 0 1; }
    ModalScreen Label { width: auto; max-width: 80vw; }
    ModalScreen Input { width: 60; max-width: 100%; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("s", "submit", "Submit"),
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Retry"),
        Binding("p", "pause", "Pause"),
        Binding("d", "drain", "Drain"),
        Binding("a", "attach", "Attach"),
        Binding("f", "follow", "Log"),
        Binding("slash", "filter", "Filter"),
        Binding("o", "sort", "Order"),  # last: it does not fit in 80 columns
        Binding("escape", "clear_filter", show=False),
    ]

    def __init__(self, places: Places, projects: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._places = places
        self._only = projects
        self._view = View()
        self._sort = SORTS[0]
        self._needle = ""
        self._details: tuple[ProjectStatus, Details] | None = None
        """The last details, and the project's status when they were requested."""
        self._is_fetching = False
        self._is_stale = False
        """Whether an event has arrived that is not drawn yet."""
        self._away_since = ""

    def compose(self) -> ComposeResult:
        yield Static(id="machine")
        yield Static(id="away")
        yield Static(id="filter")
        yield ProjectTable()
        yield Static(id="detail")
        yield MessageLine()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self.set_interval(_REDRAW_S, self._draw_if_stale)

    def on_resize(self) -> None:
        self._draw()

    def on_data_table_row_highlighted(self) -> None:
        self._draw_detail()
        self._request_details()

    @property
    def _has_widgets(self) -> bool:
        """False while the screen is closing: events and timers may still arrive then."""
        return any(screen.query(ProjectTable) for screen in self.screen_stack[:1])

    @property
    def selected(self) -> ProjectStatus | None:
        if not self._has_widgets:
            return None
        name = self.screen_stack[0].query_one(ProjectTable).selected_name
        return self._view.projects.get(name) if name is not None else None

    def action_submit(self) -> None:
        suggested = self.selected.name if self.selected else ""

        def answered(name: str | None) -> None:
            if name and name.strip():
                # The suggested name may have spaces around it.
                project = name if name == suggested else name.strip()
                self._call("submit", Submit(projects=(project,), key=new_key()), SubmitReply)

        self.call_later(self.push_screen, Ask("Submit which project?", suggested), answered)

    def action_cancel(self) -> None:
        if (project := self.selected) is None:
            return
        if project.state in _NOTHING_TO_CANCEL:
            self._show_message(f"{project.name} is {project.state.value}: nothing to cancel")
            return
        request = Cancel(projects=(project.name,), key=new_key())
        question = f"Cancel {project.name}? Images already written are kept."
        self._confirmed(question, lambda: self._call("cancel", request, CancelReply))

    def action_retry(self) -> None:
        if (project := self.selected) is not None:
            self._call("retry", Retry(projects=(project.name,), key=new_key()), RetryReply)

    def action_pause(self) -> None:
        """Pauses, or resumes when a user has paused it. A suspended project can be paused as well."""
        if (project := self.selected) is None:
            return
        if project.paused:
            self._call("resume", Resume(projects=(project.name,), key=new_key()), ResumeReply)
        else:
            self._call("pause", Pause(projects=(project.name,), key=new_key()), PauseReply)

    def action_drain(self) -> None:
        """Drains, or undrains when draining."""
        if self._view.event is not None and self._view.event.draining:
            self._call("undrain", Undrain(key=new_key()), DrainReply)
        else:
            request = Drain(key=new_key())
            self._confirmed(
                "Drain: finish running jobs and start no others?", lambda: self._call("drain", request, DrainReply)
            )

    def action_attach(self) -> None:
        if (project := self.selected) is not None:
            self._find_terminal(project.name)

    @work(thread=True, exclusive=True, group="attach")
    def _find_terminal(self, name: str) -> None:
        try:
            with connect(self._places) as daemon:
                reply = daemon.call("attach", Attach(project=name), AttachReply)
            command = command_for(self._places, name, reply, write=False)
        except FramedError as failed:
            self.call_from_thread(self._show_message, str(failed), is_error=True)
            return
        self.call_from_thread(self._show_terminal, command)

    def _show_terminal(self, command: tuple[str, ...]) -> None:
        """Shows the extractor's terminal until the user detaches."""
        with self.suspend():
            ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
        if ended.returncode:
            self._show_message(ended.stderr.strip() or f"tmux ended with exit code {ended.returncode}", is_error=True)

    def action_follow(self) -> None:
        """Shows the log in place of the table, and back."""
        self.screen.toggle_class("follow")
        self.call_after_refresh(self._draw_detail)

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show_message(f"ordered by {self._sort}" + "; running and failed first" * (self._sort == SORTS[0]))
        self._draw()

    def action_filter(self) -> None:
        def answered(needle: str | None) -> None:
            if needle is not None:
                self._set_filter(needle.strip())

        self.call_later(
            self.push_screen, Ask("Show only projects whose name contains, or whose state is", self._needle), answered
        )

    def action_clear_filter(self) -> None:
        self._set_filter("")

    def _set_filter(self, needle: str) -> None:
        self._needle = needle
        self._draw()

    def action_help(self) -> None:
        keys = [f"{self.get_key_display(each):>2}  {_HELP[each.action]}" for each in self._bindings_of_own()]
        keys.append("arrows, j, k, Home, End: select another project")
        self.call_later(self.push_screen, Help("\n".join(keys)))

    def _bindings_of_own(self) -> list[Binding]:
        return [each for each in self.BINDINGS if isinstance(each, Binding) and each.show]

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
            self.call_from_thread(self._show_message, str(failed), is_error=True)
            return
        outcomes = [f"{each.project}: {each.message}" for each in getattr(reply, "outcomes", ())]
        self.call_from_thread(self._show_message, "\n".join(outcomes) or getattr(reply, "message", method))

    def _show_message(self, message: str, *, is_error: bool = False) -> None:
        if self._has_widgets:
            self.screen_stack[0].query_one(MessageLine).show(message, is_error=is_error)

    def _listen(self) -> None:
        with contextlib.suppress(RuntimeError):  # the app has ended
            for event in events(self._places, self._only):
                if not self.is_running:
                    return
                self.call_from_thread(self._apply_update, event)

    def _apply_update(self, update: Event | FramedError) -> None:
        if not self._has_widgets:
            return
        is_away = isinstance(update, FramedError)
        self.screen_stack[0].set_class(is_away, "away")
        away = self.screen_stack[0].query_one("#away", Static)
        away.display = is_away
        if isinstance(update, FramedError):
            self._away_since = self._away_since or f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005 -- local time, for a person
            what = "daemon unreachable" if isinstance(update, DaemonUnreachable) else "no data from the daemon"
            away.update(Text(f"{what} since {self._away_since}; showing the state of then. {printable(str(update))}"))
            return
        self._away_since = ""
        self._is_stale = True
        if self._view.apply(update, time.monotonic()):
            self._draw()

    def _draw_if_stale(self) -> None:
        if self._is_stale:
            self._draw()
        self._request_details()

    def _request_details(self) -> None:
        """Fetches the selected project's details, unless its status is the same as at the last request."""
        project = self.selected
        if project is not None and not self._is_fetching and (self._details is None or self._details[0] != project):
            self._is_fetching = True
            self._fetch_details(project)

    @work(thread=True)
    def _fetch_details(self, project: ProjectStatus) -> None:
        found: Details | None = None
        with contextlib.suppress(FramedError):
            found = details(self._places, project)
        self.call_from_thread(self._show_details, project, found)

    def _show_details(self, project: ProjectStatus, found: Details | None) -> None:
        self._is_fetching = False
        if found is not None:
            self._details = (project, found)
            self._draw_detail()
        if (now := self.selected) is not None and now.name != project.name:
            self._request_details()

    def _draw(self) -> None:
        if self._view.event is None or not self._has_widgets:
            return
        self._is_stale = False
        screen, width = self.screen_stack[0], self.size.width
        machine = machine_lines(self._view.event, self._view.projects.values(), width)
        screen.query_one("#machine", Static).update(Text("\n").join(machine))
        shown = self._view.shown(self._sort, self._needle)
        self._draw_filter(screen.query_one("#filter", Static), len(shown))
        screen.query_one(ProjectTable).draw(self._view, shown, width)
        self._draw_detail()

    def _draw_filter(self, line: Static, n_shown: int) -> None:
        line.display = bool(self._needle)
        line.update(
            Text(f"filter: {printable(self._needle)}  {n_shown} of {len(self._view.projects)} projects; Esc clears it")
        )

    def _draw_detail(self) -> None:
        if not self._has_widgets:
            return
        screen = self.screen_stack[0]
        detail, project = screen.query_one("#detail", Static), self.selected
        if project is None:
            detail.update("")
            return
        known = self._details[1] if self._details is not None and self._details[0].name == project.name else None
        width, height = max(detail.content_size.width, 20), max(detail.content_size.height, 1)
        if screen.has_class("follow"):
            lines = log_lines(project, known, width, height)
        else:
            lines = detail_lines(project, known, width, height)
        detail.update(Text("\n").join(lines))


_HELP: Final = {
    "submit": "submit a project",
    "cancel": "cancel the selected project (asks first)",
    "retry": "retry its failed films",
    "pause": "pause it; again: resume",
    "drain": "finish running jobs only (asks first); again: undrain",
    "attach": "show its terminal; Ctrl-B D detaches",
    "follow": "show only its log; again: back",
    "sort": "order by state, name, progress, ETA",
    "filter": "show only some projects; Esc: all",
    "help": "this help",
    "quit": "quit; jobs keep running",
}
