"""How many processor cores there are for this process, and how many workers may have."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

SHARE = 0.75
"""Of the usable cores; the rest is left to the machine's other work."""


def usable_cores(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores this process may use: its affinity, less what the processor quota of a cgroup takes away; at least 1."""
    cores = float(len(os.sched_getaffinity(0)))
    for quota in _quotas(proc, cgroups):
        cores = min(cores, quota)
    return max(1, int(cores))


def worker_budget(cores: int) -> int:
    return max(1, int(cores * SHARE))


def _quotas(proc: Path, cgroups: Path) -> list[float]:
    """Quotas in cores, of this process's cgroup (version 2, or the cpu hierarchy of version 1) and all above it."""
    quotas = []
    for line in _text(proc / "cgroup").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            root, read = cgroups, _quota_v2
        elif "cpu" in controllers.split(","):
            root, read = cgroups / "cpu", _quota_v1
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for folder in (group, *group.parents):
            quota = read(root / folder)
            if quota is not None:
                quotas.append(quota)
    return quotas


def _quota_v2(group: Path) -> float | None:
    match _text(group / "cpu.max").split():
        case [quota, period] if quota != "max":
            return int(quota) / int(period)
    return None


def _quota_v1(group: Path) -> float | None:
    quota, period = _text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
