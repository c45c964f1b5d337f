"""What the output can show."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO


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
