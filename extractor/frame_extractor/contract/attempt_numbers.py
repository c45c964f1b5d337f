"""The numbers of an output folder's attempts, and how the next one is claimed. Blocking."""

from __future__ import annotations

import os
import re
from typing import Final

from frame_extractor.contract.layout import OutputLayout

_NUMBERED: Final = re.compile(r"attempt-(\d+)\.")


def attempt_numbers(layout: OutputLayout) -> list[int]:
    """Those of every attempt that has any file in the folder, in order; none when it cannot be read."""
    try:
        names = os.listdir(layout.control)
    except OSError:
        return []
    return sorted({int(found[1]) for name in names if (found := _NUMBERED.match(name))})


def claim_number(layout: OutputLayout) -> int:
    """The folder's next attempt number, and no other attempt's: its specification, still empty, exists now.

    Never one whose work folder's name another program has taken. Makes the folder, and the folders above it, when they
    are missing. Raises OSError.
    """
    layout.control.mkdir(parents=True, exist_ok=True)
    number = max(attempt_numbers(layout), default=0)
    while True:
        number += 1
        if os.path.lexists(layout.work_folder(number)):
            continue
        try:
            layout.spec(number).touch(exist_ok=False)
        except FileExistsError:
            continue
        return number
