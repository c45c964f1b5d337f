"""The monitor's own widgets: the table of projects and the line of messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.timer import Timer
from textual.widgets import DataTable, Static

from framed.ctl.monitor.view import Cells, View, columns_at
from framed.printable import printable
from framed.protocol.messages import ProjectStatus

_MESSAGE_SHOWN_S: Final = 8.0


class ProjectTable(DataTable[Text]):
    """A row for each project. Keys as in a list: in a DataTable Home and End would go to the first and last column."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row")
        self._names: list[str] = []
        """Of the rows, from the top."""
        self._cells: list[tuple[Text, ...]] = []
        """Of the rows."""
        self._drawn_columns: tuple[Cells, ...] = ()

    @property
    def selected_name(self) -> str | None:
        """The project of the selected row; None without rows."""
        return self._names[self.cursor_row] if 0 <= self.cursor_row < len(self._names) else None

    def draw(self, view: View, projects: Sequence[ProjectStatus], width: int) -> None:
        """Shows these projects, on a screen of that width. Only cells that have changed are updated."""
        columns = columns_at(width, max((cell_len(printable(project.name)) for project in projects), default=0))
        names = [project.name for project in projects]
        rows = [view.row(project, columns) for project in projects]
        if names == self._names and columns == self._drawn_columns:
            for number, (row, before) in enumerate(zip(rows, self._cells, strict=True)):
                for column, (cell, old) in enumerate(zip(row, before, strict=True)):
                    if cell != old or cell.style != old.style:
                        self.update_cell_at(Coordinate(number, column), cell)
        else:
            selected, offset = self.selected_name, self.scroll_offset.y
            self.clear(columns=True)
            for each in columns:
                self.add_column(Text(each.title, justify="right" if each.right else "left"), width=each.width)
            self.add_rows(rows)
            if selected in names:
                # Keep the scroll position, but the selected row must be visible.
                self.scroll_to(y=offset, animate=False)
                self.move_cursor(row=names.index(selected))
        self._names, self._cells, self._drawn_columns = names, rows, columns

    def on_resize(self) -> None:
        """The selected row is visible again: a line that appears above or below makes the table shorter."""
        self.call_after_refresh(lambda: self.move_cursor(row=self.cursor_row, scroll=True))


class MessageLine(Static):
    """Shows a message for a while in lines of its own: a Textual notification would cover the table."""

    def __init__(self) -> None:
        super().__init__(id="message")
        self._timer: Timer | None = None

    def show(self, message: str, *, is_error: bool) -> None:
        """Shows the message in place of the one before."""
        if self._timer is not None:
            self._timer.stop()
        self.update(Text("\n".join(map(printable, message.splitlines()))))
        self.set_class(is_error, "error")
        self.display = True
        self._timer = self.set_timer(_MESSAGE_SHOWN_S, self.hide)

    def hide(self) -> None:
        """The lines are free for the table."""
        self.display = False
