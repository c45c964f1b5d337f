"""What the doctor says."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one place."""

    check: str
    level: Level
    found: str
    remedy: str = ""
    """What to do; empty when all is well."""
