"""Text layout in terminal cells: tables, wrapping, shortening. Wide characters count as two. Pure."""

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
    """A header and a line for each row. The first column is a name, shortened if necessary; the second is one word, in
    that colour. A note that does not fit beside its row continues below it; notes are never cut.
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
            # The word begins where the name's column ends. Colour comes last, because it has no width.
            at = len(set_cell_size(found[0], widths[0] + len(GAP)))
            word = found[0][at : at + len(cells[1])]
            found[0] = f"{found[0][:at]}{click.style(word, fg=colour(row))}{found[0][at + len(word) :]}"
            found[1:] = [click.style(line, dim=True) for line in found[1:]]
        lines += found
    return lines


def fitted(parts: Sequence[str], width: int | None) -> list[str]:
    """The parts side by side, on as few lines as the width allows."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{GAP} {part}" if lines else part
        if lines and (width is None or cell_len(joined) <= width):
            lines[-1] = joined
        else:
            lines += [part] if width is None else wrapped(part, width)
    return lines


def full_text(text: str, terminal: Terminal) -> list[str]:
    """The complete text, wrapped."""
    return [text] if terminal.width is None else wrapped(text, terminal.width)


def aligned(rows: Sequence[Sequence[str]], terminal: Terminal, indent: str = INDENT) -> list[str]:
    """Rows as indented columns. The last column is wrapped, below itself or below its row; it is never cut."""
    printables = [[printable(word) for word in row] for row in rows]
    n_columns = max((len(row) for row in printables), default=0)
    widths = [max((cell_len(row[n]) for row in printables if n < len(row) - 1), default=0) for n in range(n_columns)]
    lines: list[str] = []
    for *words, last in printables:
        padded = [word + " " * (widths[n] - cell_len(word)) + GAP for n, word in enumerate(words)]
        lines += _hanging(indent + "".join(padded), last, indent + INDENT, terminal.width)
    return lines


def _hanging(before: str, last: str, deeper: str, width: int | None) -> list[str]:
    """`last` beside `before` if there is room, else below it, indented by `deeper`."""
    if width is None or cell_len(before + last) <= width:
        return [f"{before}{last}".rstrip()]
    room = width - cell_len(before)
    if room >= _NARROWEST_NOTE or not before.strip():
        first, *others = wrapped(last, max(1, room))
        return [before + first, *(" " * cell_len(before) + other for other in others)]
    head = before.rstrip() if cell_len(before.rstrip()) <= width else shortened(before.rstrip(), width)
    return [head, *(deeper + other for other in wrapped(last, width - len(deeper)))]


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken between words; within a word only if it is longer than a line.

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
    """Cells left for a note beside the table; None: unlimited, 0: put it below."""
    if width is None:
        return None
    room = width - sum(widths) - len(GAP) * len(widths)
    return room if room >= _NARROWEST_NOTE else 0


def _cut(line: str, terminal: Terminal) -> str:
    return line if terminal.width is None else shortened(line, terminal.width)


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis if it was cut."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


def bar(fraction: float, cells: int, *, unicode: bool = True) -> str:
    """A progress bar of that many cells, as plain text: rich draws its own only on a console."""
    full, half, empty = ("━", "╸", "─") if unicode else ("#", "-", "-")
    n_full, n_half = divmod(int(min(max(fraction, 0.0), 1.0) * cells * 2), 2)
    return full * n_full + half * n_half + empty * (cells - n_full - n_half)
