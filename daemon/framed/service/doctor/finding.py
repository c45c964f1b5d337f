"""A finding of the doctor."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check."""

    check: str
    level: Level
    found: str
    remedy: str = ""
    """What to do; empty when nothing is wrong."""
