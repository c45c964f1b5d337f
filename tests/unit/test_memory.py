"""Memory that framed may count on: as the machine and its cgroups say, and when there is too little of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import psutil
import pytest

from framed.host.memory import read_memory
from framed.policy.memory import GB, floor_bytes, shortage
from framed.reason_text import reason_text

MACHINE = psutil.virtual_memory().total


def lay(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_the_tightest_cgroup_counts_and_its_file_cache_is_available(tmp_path: Path) -> None:
    """Version 2: the limit may be that of a group above."""
    lay(tmp_path / "proc", {"cgroup": "0::/user.slice/framed.service\n"})
    lay(
        tmp_path / "cgroups",
        {
            "user.slice/memory.max": "1000000\n",
            "user.slice/memory.current": "700000\n",
            "user.slice/memory.stat": "anon 500000\ninactive_file 200000\n",
            "user.slice/framed.service/memory.max": "max\n",
            "user.slice/framed.service/memory.current": "700000\n",
        },
    )
    memory = read_memory(tmp_path / "proc", tmp_path / "cgroups")
    assert (memory.total_bytes, memory.available_bytes) == (1_000_000, 500_000)


def test_version_1_knows_no_limit_as_a_very_large_one(tmp_path: Path) -> None:
    lay(tmp_path / "proc", {"cgroup": "9:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n"})
    lay(
        tmp_path / "cgroups/memory",
        {
            "memory.limit_in_bytes": "9223372036854771712\n",
            "memory.usage_in_bytes": "1\n",
            "docker/x/memory.limit_in_bytes": "5000\n",
            "docker/x/memory.usage_in_bytes": "6000\n",
            "docker/x/memory.stat": "cache 1\ntotal_inactive_file 400\n",
        },
    )
    memory = read_memory(tmp_path / "proc", tmp_path / "cgroups")
    assert (memory.total_bytes, memory.available_bytes) == (5000, 0)


def test_without_cgroups_it_is_the_machines(tmp_path: Path) -> None:
    memory = read_memory(tmp_path, tmp_path)
    assert memory.total_bytes == MACHINE
    assert 0 < memory.available_bytes <= MACHINE


@pytest.mark.parametrize(
    ("total_gb", "setting", "floor_gb"), [(100, "auto", 8), (20, "auto", 3), (100, 0, 0), (20, 1.5, 1.5)]
)
def test_floor_is_the_smaller_of_8_gb_and_a_share(
    total_gb: int, setting: float | Literal["auto"], floor_gb: float
) -> None:
    assert floor_bytes(total_gb * GB, setting) == floor_gb * GB


@pytest.mark.parametrize(
    ("available_gb", "needed_gb", "words"),
    [
        (3.12, 3.45, "memory low: 3.1 GB free, needs 3.5"),
        (3.44, 3.45, "memory low: 3.4 GB free, needs 3.5"),
        (3.45, 3.45, ""),
        (0.0, 0.0, ""),
    ],
)
def test_shortage_says_what_is_there_and_what_is_needed(available_gb: float, needed_gb: float, words: str) -> None:
    found = shortage(int(available_gb * GB), int(needed_gb * GB))
    assert (reason_text(found) if found else "") == words
