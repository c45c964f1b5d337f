"""Lines that fit: tables, wrapping and shortening in cells, wide characters counted as two. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import click
from rich.cells import cell_len, chop_cells, set_cell_size

from framed.ctl.terminal import Terminal
from framed.printable import printable

T = TypeVar("T")

GAP: Final = "  "
INDENT: Final = "    "
_NARROWEST_NAME: Final = 8
_WIDEST_NAME: Final = 40
_WIDEST_NAME_IN_A_PIPE: Final = 80
_NARROWEST_NOTE: Final = 30
"""Cells; notes with less room than this go below their rows."""
_BETWEEN_WORDS: Final = re.compile(r"(?<!\d)\s+|\s+(?!s\b)")
"""White space, but for what stands between a number and its seconds."""


@dataclass(frozen=True)
class Column(Generic[T]):
    title: str
    text: Callable[[T], str]
    right: bool = False


def table(
    rows: Sequence[T],
    columns: Sequence[Column[T]],
    terminal: Terminal,
    *,
    note: Callable[[T], str],
    colour: Callable[[T], str],
    note_title: str = "NOTE",
) -> list[str]:
    """A head and a line for each row. The first column is a name, shortened where it must be; the second one word, in
    that colour. A note that finds no room beside its row goes on below, to its last word.
    """
    texts = [[printable(column.text(row)) for column in columns] for row in rows]
    widths = [
        max(cell_len(column.title), *(cell_len(row[number]) for row in texts)) for number, column in enumerate(columns)
    ]
    widths[0] = min(widths[0], _WIDEST_NAME_IN_A_PIPE)
    if terminal.width is not None:
        others = sum(widths[1:]) + len(GAP) * len(widths[1:])
        widths[0] = max(_NARROWEST_NAME, min(widths[0], _WIDEST_NAME, terminal.width - others))
    note_room = _note_room(widths, terminal.width)
    head = _row([column.title for column in columns], columns, widths)
    lines = [_cut(f"{head}{GAP}{note_title}" if note_room != 0 else head.rstrip(), terminal)]
    for row, cells in zip(rows, texts, strict=True):
        found = _row_lines(_row(cells, columns, widths), printable(note(row)), note_room, terminal)
        if terminal.colour:
            # The word begins where the name's column ends; colour is put in last, since it has no width.
            at = len(set_cell_size(found[0], widths[0] + len(GAP)))
            word = found[0][at : at + len(cells[1])]
            found[0] = f"{found[0][:at]}{click.style(word, fg=colour(row))}{found[0][at + len(word) :]}"
            found[1:] = [click.style(line, dim=True) for line in found[1:]]
        lines += found
    return lines


def fitted(parts: Sequence[str], width: int | None) -> list[str]:
    """The parts side by side, on as many lines as the width makes necessary."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{GAP} {part}" if lines else part
        if lines and (width is None or cell_len(joined) <= width):
            lines[-1] = joined
        else:
            lines += [part] if width is None else wrapped(part, width)
    return lines


def full_text(text: str, terminal: Terminal) -> list[str]:
    """`text` to its last word."""
    return [text] if terminal.width is None else wrapped(text, terminal.width)


def aligned(rows: Sequence[Sequence[str]], terminal: Terminal, indent: str = INDENT) -> list[str]:
    """Rows of words under each other, indented; the last of each goes on below itself, or below its row, to its end."""
    printables = [[printable(word) for word in row] for row in rows]
    n_columns = max((len(row) for row in printables), default=0)
    widths = [max((cell_len(row[n]) for row in printables if n < len(row) - 1), default=0) for n in range(n_columns)]
    lines: list[str] = []
    for *words, last in printables:
        padded = [word + " " * (widths[n] - cell_len(word)) + GAP for n, word in enumerate(words)]
        lines += _hanging(indent + "".join(padded), last, indent + INDENT, terminal.width)
    return lines


def _hanging(before: str, last: str, deeper: str, width: int | None) -> list[str]:
    """`last` beside what stands before it, where there is room for it; else below, indented deeper."""
    if width is None or cell_len(before + last) <= width:
        return [f"{before}{last}".rstrip()]
    room = width - cell_len(before)
    if room >= _NARROWEST_NOTE or not before.strip():
        first, *others = wrapped(last, max(1, room))
        return [before + first, *(" " * cell_len(before) + other for other in others)]
    head = before.rstrip() if cell_len(before.rstrip()) <= width else shortened(before.rstrip(), width)
    return [head, *(deeper + other for other in wrapped(last, width - len(deeper)))]


def wrapped(text: str, width: int) -> list[str]:
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


def _row_lines(row: str, note: str, note_room: int | None, terminal: Terminal) -> list[str]:
    if terminal.width is None or note_room is None:
        return [f"{row}{GAP}{note}".rstrip()]
    if note_room == 0:
        lines = [_cut(row.rstrip(), terminal)]
        return lines + [INDENT + part for part in wrapped(note, terminal.width - len(INDENT))]
    first, *others = wrapped(note, note_room) or [""]
    return [f"{row}{GAP}{first}".rstrip(), *(" " * cell_len(row) + GAP + part for part in others)]


def _row(texts: Sequence[str], columns: Sequence[Column[T]], widths: Sequence[int]) -> str:
    cells = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        shown = shortened(text, width)
        padding = " " * (width - cell_len(shown))
        cells.append(f"{padding}{shown}" if column.right else f"{shown}{padding}")
    return GAP.join(cells)


def _note_room(widths: Sequence[int], width: int | None) -> int | None:
    """Cells left for a note beside the table: None for as many as it takes, 0 for none."""
    if width is None:
        return None
    room = width - sum(widths) - len(GAP) * len(widths)
    return room if room >= _NARROWEST_NOTE else 0


def _cut(line: str, terminal: Terminal) -> str:
    return line if terminal.width is None else shortened(line, terminal.width)


def shortened(text: str, width: int) -> str:
    """`text` in at most so many cells; an ellipsis says that something is missing."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
