"""When a disk has too little room to begin a film, or to go on with one. Pure."""

from __future__ import annotations

from typing import Final, Literal

from framed.model.reasons import DiskLow
from framed.policy.memory import GB

_LARGEST_FLOOR_BYTES: Final = 2 * GB
_FLOOR_SHARE: Final = 0.02
_MARGIN: Final = 1.25
"""A disk that was low is so until this much of the floor is free: else its jobs would stop and go on all the time."""
_BELIEVED_FROM: Final = 0.1
"""The part of a film from which on its own images say more than any estimate."""


def floor_bytes(total_bytes: int, setting_gb: float | Literal["auto"]) -> int:
    """What is to stay free on a disk of that size; 0 for no such rule."""
    if setting_gb == "auto":
        return min(_LARGEST_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))
    return round(setting_gb * GB)


def enough_bytes(floor: int) -> int:
    """What must be free again on a disk that was low."""
    return round(floor * _MARGIN)


def is_low(free_bytes: int, floor: int, *, was_low: bool) -> bool:
    """Whether whatever writes there has to be suspended."""
    return free_bytes < (enough_bytes(floor) if was_low else floor)


def still_needed_bytes(estimate: int, written: int, fraction: float) -> int:
    """What an attempt will probably still write: `estimate` for all of it, `written` bytes of images so far."""
    if written and fraction >= _BELIEVED_FROM:
        estimate = round(written / fraction)
    return max(0, estimate - written)


def shortage(free_bytes: int, needed_bytes: int) -> DiskLow | None:
    """What a job waits for while less than that is free; None when there is enough."""
    if free_bytes >= needed_bytes:
        return None
    return DiskLow(needed_bytes=needed_bytes, free_bytes=max(0, free_bytes))
