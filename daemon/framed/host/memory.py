"""Total and available memory for this process: of the machine, within the limits of its cgroups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil


@dataclass(frozen=True)
class Memory:
    total_bytes: int
    available_bytes: int
    """Can be allocated without swapping: free, or in caches that can be dropped."""


def read_memory(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> Memory:
    """Memory now. Blocking, but short."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for limit, left in _limits(proc, cgroups):
        total, available = min(total, limit), min(available, left)
    return Memory(total, max(0, available))


def _limits(proc: Path, cgroups: Path) -> Iterator[tuple[int, int]]:
    """Limit, and what is left of it, of this process's cgroup (version 2, or version 1's memory) and all above it."""
    for line in (_text(proc / "cgroup") or "").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            root, names = cgroups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = cgroups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for folder in (group, *group.parents):
            found = _limit(root / folder, *names)
            if found is not None:
                yield found


def _limit(group: Path, limit_file: str, usage_file: str, cache_field: str) -> tuple[int, int] | None:
    limit, usage = _text(group / limit_file), _text(group / usage_file)
    if limit is None or usage is None or limit == "max":
        return None
    fields = dict(line.split(" ", 1) for line in (_text(group / "memory.stat") or "").splitlines() if " " in line)
    return int(limit), int(limit) - int(usage) + int(fields.get(cache_field, 0))


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
