"""What the output stream can show: width, colour, Unicode."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Terminal:
    """Capabilities of the output. A pipe has neither width nor colour."""

    width: int | None
    colour: bool
    unicode: bool = True


def terminal_of(stream: TextIO, color: str = "auto") -> Terminal:
    """The capabilities of `stream`, from its kind, size and encoding, and from NO_COLOR.

    `color`: `never` and `always` override what is detected.
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
