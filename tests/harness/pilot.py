"""Waits for what the monitor shows, while Textual's pilot presses its keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from tests.harness.until import DEADLINE_S


async def sees(pilot: Pilot[Any], condition: Callable[[], bool], what: str) -> None:
    """The condition has come true: layout and messages take as many turns of the event loop as they need."""
    ends = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends, f"not seen: {what}"
        await pilot.pause(0.02)
