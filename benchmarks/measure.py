"""Runs a command and says what it cost: the whole process tree, as the operating system accounts for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from frame_extractor.contract.results import FilmResult, Results

SAMPLE_EVERY_S = 0.2
"""Between two samples of memory."""
CHECK_EVERY_S = 0.02
"""Between two checks for the first image."""


@dataclass(frozen=True)
class Memory:
    """Bytes of a process tree at one time: proportional set sizes, so that shared pages count once."""

    tree: int = 0
    root: int = 0
    """The process that was started."""
    child: int = 0
    """The largest of those below it."""

    def or_more(self, other: Memory) -> Memory:
        """The larger of the two, each for itself."""
        return Memory(max(self.tree, other.tree), max(self.root, other.root), max(self.child, other.child))


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_s: float
    cpu_s: float
    """User and system time of the process and all that it waited for."""
    peak: Memory
    images: int
    first_image_s: float | None = None
    """From the start to the first image on the disk, also one under a temporary name; to a fiftieth of a second."""
    film: FilmResult | None = field(default=None, repr=False)
    """What framed says of the film: stages, frames decoded."""


class RunFailed(Exception):
    """The command did not succeed; holds what it said."""


def measured(command: list[str], out: Path) -> Cost:
    """Runs it to its end; images are counted in `out`. Raises RunFailed."""
    log = out.with_suffix(".log")
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    peak = Memory()
    first_image_s: float | None = None
    sample_at = start
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if first_image_s is None and any(out.rglob("*.jpg")):
            first_image_s = time.perf_counter() - start
        if time.perf_counter() >= sample_at:
            peak = peak.or_more(_memory(process.pid))
            sample_at = time.perf_counter() + SAMPLE_EVERY_S
        time.sleep(CHECK_EVERY_S if first_image_s is None else SAMPLE_EVERY_S)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RunFailed(f"exit {process.returncode}: {' '.join(command)}\n{log.read_text(errors='replace')[-2000:]}")
    images = sum(1 for _ in out.rglob("*.jpg"))
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak, images, first_image_s, _film(out))


def help_s(runs: int = 5) -> float:
    """Median seconds of `frame-extractor --help`."""
    command = [str(Path(sys.executable).with_name("frame-extractor")), "--help"]
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _film(out: Path) -> FilmResult | None:
    results = out / "extraction_results.json"
    if not results.exists():
        return None
    film = msgspec.json.decode(results.read_bytes(), type=Results).films[0]
    # Where the film lay on this machine concerns nobody who reads the figures.
    return msgspec.structs.replace(film, path=film.name)


def _memory(pid: int) -> Memory:
    try:
        root = psutil.Process(pid)
        own = root.memory_full_info().pss
        children = root.children(recursive=True)
    except psutil.Error:
        return Memory()
    each = []
    for child in children:
        with suppress(psutil.Error):
            each.append(child.memory_full_info().pss)
    return Memory(tree=own + sum(each), root=own, child=max(each, default=0))
