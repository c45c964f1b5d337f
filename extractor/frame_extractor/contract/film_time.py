"""Points in a film as a person writes them: `0:45`, `1:02:30`, `45`, and `-7:30` counted from the end. Pure."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

MAX_FILM_TIME_S: Final = 1_000_000
"""More than eleven days."""
FILM_TIME: Final = msgspec.Meta(ge=-MAX_FILM_TIME_S, le=MAX_FILM_TIME_S, extra={"is_film_time": True})
"""For the type of a setting: seconds, which may be written as a film time."""
EXPECTED: Final = "a time such as 0:45, 1:02:30 or 45 (seconds), negative from the end of the film"
_WRITTEN: Final = re.compile(r"([+-]?)(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)", re.ASCII)


def is_film_time(kind: msgspec.inspect.Type) -> bool:
    """Whether values of this type may be written as film times."""
    return isinstance(kind, msgspec.inspect.Metadata) and bool((kind.extra or {}).get("is_film_time"))


def seconds_of(written: str) -> float:
    """`1:02:30` in seconds. Raises ValueError for what is no film time."""
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise ValueError(written)
    sign, hours, minutes, seconds = found.groups(default="0")
    if (found[3] and float(seconds) >= 60) or (found[2] and int(minutes) >= 60):
        raise ValueError(written)
    total_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if not math.isfinite(total_s) or total_s > MAX_FILM_TIME_S:
        raise ValueError(written)
    return -total_s if sign == "-" else total_s


def film_time(seconds: float) -> str:
    """450.0 as `7:30`, 45.5 as `0:45.5`."""
    minutes, rest = divmod(round(abs(seconds) * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, thousandths = divmod(rest, 1000)
    fraction = f".{thousandths:03}".rstrip("0") if thousandths else ""
    clock = f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"
    return f"{'-' if seconds < 0 else ''}{clock}{fraction}"
