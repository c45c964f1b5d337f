"""When there is too little memory to begin anything. Pure."""

from __future__ import annotations

from typing import Final, Literal

GB: Final = 1_000_000_000
_LARGEST_FLOOR_BYTES: Final = 8 * GB
_FLOOR_SHARE: Final = 0.15


def floor_bytes(total_bytes: int, setting_gb: float | Literal["auto"]) -> int:
    """Memory that must be available before another project starts; 0 for no such rule."""
    if setting_gb == "auto":
        return min(_LARGEST_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))
    return round(setting_gb * GB)


def shortage(available_bytes: int, needed_bytes: int) -> str:
    """What a job waits for while less than that is available, one line for a person; empty when there is enough."""
    if available_bytes >= needed_bytes:
        return ""
    # Rounded away from each other, so that nobody reads "3.5 free, needs 3.5".
    return f"memory low: {available_bytes // (GB // 10) / 10:g} GB free, needs {-(-needed_bytes // (GB // 10)) / 10:g}"
