"""What the output can show, and how a text is shown so that it cannot do harm there."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import Final, TextIO

_STEERING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Marks that turn the reading direction; the joiners that many scripts need are not among them."""


@dataclass(frozen=True)
class Terminal:
    """What the output is written to. A pipe has no width and no colour."""

    width: int | None
    colour: bool
    unicode: bool = True


def terminal_of(stream: TextIO, color: str = "auto") -> Terminal:
    """What `stream` can show, by its kind, its size, NO_COLOR and its encoding.

    `color`: `never` and `always` say it whatever the stream is.
    """
    unicode = (stream.encoding or "").lower().replace("-", "").startswith("utf")
    if not stream.isatty():
        return Terminal(width=None, colour=color == "always", unicode=unicode)
    try:
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):
        width = 80
    can = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Terminal(width=max(width, 20), colour=color == "always" or (can and color != "never"), unicode=unicode)


def printable(text: str) -> str:
    """`text` with what could steer a terminal written out: names come from folders that anybody may have made."""
    return "".join(ascii(char)[1:-1] if _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    return unicodedata.category(char) in _STEERING or unicodedata.bidirectional(char) in _TURNING
