"""How many workers a machine or container has room for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frame_extractor.contract.cores import usable_cores, worker_budget


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sixteen cores by affinity."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)))
    (tmp_path / "proc").mkdir()


def group(tmp_path: Path, line: str, files: dict[str, str]) -> int:
    (tmp_path / "proc" / "cgroup").write_text(line)
    for name, content in files.items():
        path = tmp_path / "cgroups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return usable_cores(tmp_path / "proc", tmp_path / "cgroups")


@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("0::/\n", {}, 16),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "400000 100000\n"}, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "200000 100000\n", "a/cpu.max": "400000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("4:cpu,cpuacct:/a\n0::/\n", {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"}, 3),
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, 16),
        ("", {}, 16),
    ],
)
def test_quota_of_any_group_above_counts(tmp_path: Path, line: str, files: dict[str, str], expected: int) -> None:
    assert group(tmp_path, line, files) == expected


@pytest.mark.parametrize(("usable", "budget"), [(1, 1), (2, 1), (4, 3), (8, 6), (32, 24)])
def test_a_quarter_of_the_cores_is_left_free(usable: int, budget: int) -> None:
    assert worker_budget(usable) == budget
