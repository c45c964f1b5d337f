"""When too little memory is available to start worker processes. Pure."""

from __future__ import annotations

from typing import Final, Literal

from framed.model.reasons import AwaitingMemory

GB: Final = 1_000_000_000
_LARGEST_FLOOR_BYTES: Final = 8 * GB
_FLOOR_SHARE: Final = 0.15


def floor_bytes(total_bytes: int, setting_gb: float | Literal["auto"]) -> int:
    """Bytes that must be available before another project starts; 0 without such a rule."""
    if setting_gb == "auto":
        return min(_LARGEST_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))
    return round(setting_gb * GB)


def shortage(available_bytes: int, needed_bytes: int) -> AwaitingMemory | None:
    """The reason to wait while less than `needed` is available; None when enough is."""
    if available_bytes >= needed_bytes:
        return None
    return AwaitingMemory(needed_bytes=needed_bytes, available_bytes=available_bytes)
