"""Which process is which: a pid that cannot be mistaken for a later one."""

from __future__ import annotations

import msgspec


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One process of one boot. A pid alone is recycled; these three together are not."""

    pid: int
    started_at_ticks: int
    """Start time in clock ticks since boot: field 22 of /proc/PID/stat."""
    boot_id: str
    """/proc/sys/kernel/random/boot_id"""
