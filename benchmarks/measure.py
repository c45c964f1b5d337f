"""Runs a command and says what it cost: the whole process tree, as the operating system accounts for it."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.2
"""How often memory is looked at."""


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_s: float
    cpu_s: float
    """User and system time of the process and all that it waited for."""
    peak_bytes: int
    """Most memory of the tree at one time: proportional set sizes, so that shared pages count once."""
    images: int


class RunFailed(Exception):
    """The command did not succeed; holds what it said."""


def measured(command: list[str], out: Path) -> Cost:
    """Runs it to its end. Raises RunFailed."""
    log = out.with_suffix(".log")
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, _tree_bytes(process.pid))
        time.sleep(LOOK_EVERY_S)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RunFailed(f"exit {process.returncode}: {' '.join(command)}\n{log.read_text(errors='replace')[-2000:]}")
    images = sum(1 for _ in out.rglob("*.jpg"))
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak, images)


def _tree_bytes(pid: int) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                total += process.memory_full_info().pss
    return total
