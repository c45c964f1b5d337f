"""Counts, durations and sizes as a person reads them, the same in both programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def count(number: int, noun: str) -> str:
    """1 image, 1,598 images."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


_REASONS: Final = {
    "near_duplicate": ("near-duplicate", "near-duplicates"),
    "near_removed": ("near-duplicate of a removed image", "near-duplicates of removed images"),
    "transition": ("in a transition", "in transitions"),
    "black": ("black", "black"),
    "uniform": ("uniform", "uniform"),
    "blurred": ("blurred", "blurred"),
}


def left_out(rejected: Mapping[str, int]) -> str:
    """295 frames left out (286 near-duplicates, 5 in transitions, 4 black). `rejected`: reason -> number."""
    known = sorted(rejected.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{number:,} {_REASONS.get(reason, (reason, reason))[number != 1]}" for reason, number in known]
    return f"{count(sum(rejected.values()), 'frame')} left out ({', '.join(parts)})"


def duration(seconds: float) -> str:
    """9.4 s, 51 s, 5:51, 1:42:07."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else clock(whole)


def clock(seconds: float) -> str:
    """0:04, 4:05, 1:02:03: the form for columns and for what counts on."""
    minutes, seconds_left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"


def size(n_bytes: float) -> str:
    """Powers of 1000, as disks are sold: 812 kB, 12.3 MB, 1.4 GB. Memory differs from it by less than anybody needs."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= 99.5 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def times(factor: float) -> str:
    """To two digits: 27x, 3.9x, 0.04x."""
    return f"{factor:.0f}x" if factor >= 9.95 else f"{factor:.1f}x" if factor >= 0.95 else f"{factor:.2f}x"
