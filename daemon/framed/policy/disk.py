"""When a disk has too little space to start a film, or to continue one. Pure."""

from __future__ import annotations

from typing import Final, Literal

from framed.model.reasons import DiskLow
from framed.policy.memory import GB

_LARGEST_FLOOR_BYTES: Final = 2 * GB
_FLOOR_SHARE: Final = 0.02
_MARGIN: Final = 1.25
"""A low disk is low until this multiple of the floor is free; otherwise its jobs would stop and resume repeatedly."""
_BELIEVED_FROM: Final = 0.1
"""From this fraction of a film on, its own images predict the rest better than the estimate."""


def floor_bytes(total_bytes: int, setting_gb: float | Literal["auto"]) -> int:
    """Bytes that must stay free on a disk of that size; 0 without such a rule."""
    if setting_gb == "auto":
        return min(_LARGEST_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))
    return round(setting_gb * GB)


def enough_bytes(floor: int) -> int:
    """Bytes that must be free before a low disk is no longer low."""
    return round(floor * _MARGIN)


def is_low(free_bytes: int, floor: int, *, was_low: bool) -> bool:
    """Whether jobs that write there must be suspended."""
    return free_bytes < (enough_bytes(floor) if was_low else floor)


def still_needed_bytes(estimate: int, written: int, fraction: float) -> int:
    """Bytes that an attempt will probably still write. `estimate`: for all of it; `written`: so far."""
    if written and fraction >= _BELIEVED_FROM:
        estimate = round(written / fraction)
    return max(0, estimate - written)


def shortage(free_bytes: int, needed_bytes: int) -> DiskLow | None:
    """The reason to wait while less than `needed` is free; None when enough is."""
    if free_bytes >= needed_bytes:
        return None
    return DiskLow(needed_bytes=needed_bytes, free_bytes=max(0, free_bytes))
