"""The hours within which films are extracted, in local time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from framed.model.reasons import OutsideHours

_DAY_S: Final = 86_400


@dataclass(frozen=True)
class Window:
    """From one time of day up to another, in seconds after midnight. It may end after midnight."""

    begins_s: int
    ends_s: int

    def holds(self, second_of_day: float) -> bool:
        """Whether that second is within the window. A window that ends when it begins is the whole day."""
        return (second_of_day - self.begins_s) % _DAY_S < ((self.ends_s - self.begins_s) % _DAY_S or _DAY_S)


def windows_of(text: str) -> tuple[Window, ...]:
    """The windows of a valid `22:00-07:00, 12:00-13:30`. An empty text has none: every hour is allowed."""
    spans = (span.strip().split("-") for span in text.split(",") if span.strip())
    return tuple(Window(_second(begins), _second(ends)) for begins, ends in spans)


def outside(windows: Sequence[Window], local: datetime) -> OutsideHours | None:
    """The reason to wait at that local time; None within a window, and without windows."""
    now_s = _second_of(local)
    if not windows or _is_open(windows, now_s):
        return None
    opens_s = min(windows, key=lambda window: (window.begins_s - now_s) % _DAY_S).begins_s
    return OutsideHours(
        opens_at=f"{opens_s // 3600:02}:{opens_s % 3600 // 60:02}",
        opens_in_s=-(-int((opens_s - now_s) % _DAY_S) // 60) * 60,
    )


def changes_in_s(windows: Sequence[Window], local: datetime) -> float | None:
    """Seconds until the next beginning or end of a window, ignoring changes of the clock; None without windows."""
    edges = {edge for window in windows for edge in (window.begins_s, window.ends_s)}
    return min(((edge - _second_of(local)) % _DAY_S or _DAY_S for edge in edges), default=None)


def _is_open(windows: Sequence[Window], second_of_day: float) -> bool:
    return any(window.holds(second_of_day) for window in windows)


def _second(text: str) -> int:
    hours, _, minutes = text.strip().partition(":")
    return (int(hours) * 60 + int(minutes)) * 60 % _DAY_S


def _second_of(local: datetime) -> float:
    return (local.hour * 60 + local.minute) * 60 + local.second + local.microsecond / 1e6
