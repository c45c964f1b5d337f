"""Waits of tests: for a condition, with a deadline that is only reached when something is broken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

DEADLINE_S: Final = 60.0


def until(condition: Callable[[], T | None], what: str = "the condition holds", deadline_s: float = DEADLINE_S) -> T:
    """The condition's first true value; fails the test when there is none in time."""
    ends = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < ends, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.02)
    return value
