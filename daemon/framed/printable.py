"""How a text that somebody else has written is shown, so that it can do no harm where it is shown."""

from __future__ import annotations

import unicodedata
from typing import Final

_STEERING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Marks that turn the reading direction; the joiners that many scripts need are not among them."""


def printable(text: str) -> str:
    """`text` on one line, with what could steer a terminal written out: names come from folders that anybody may have
    made.
    """
    return "".join(ascii(char)[1:-1] if _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    return unicodedata.category(char) in _STEERING or unicodedata.bidirectional(char) in _TURNING
