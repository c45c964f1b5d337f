"""Makes text from files and programs safe to print on a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

_STEERING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Characters that change the reading direction; not the joiners that many scripts need."""


def printable(text: str) -> str:
    """`text` on one line, with what could steer a terminal written out: names come from folders that anybody may have
    made.
    """
    return "".join(ascii(char)[1:-1] if _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    return unicodedata.category(char) in _STEERING or unicodedata.bidirectional(char) in _TURNING
