"""What is measured: command lines that take frames out of a film, ours and those people use today."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

EVEN = ("--detector", "content", "--selection", "even", "--dedupe", "off")
ONE_LINER = "select='gt(scene,0.3)+isnan(prev_selected_t)+gte(t-prev_selected_t,0.265)'"


@dataclass(frozen=True)
class Contender:
    """One way to do it."""

    name: str
    command: Callable[[Path, Path], list[str]]
    """From the film and an empty output folder."""
    runs_at_most: int = 100
    """For what takes minutes."""


def one_liner(cores: int) -> Contender:
    """What people paste from forums."""
    return Contender("ffmpeg one-liner", lambda film, out: _one_liner(film, out, cores))


def null(threads: int) -> Contender:
    """Decoding to nowhere."""
    return Contender(f"ffmpeg to null, {_count(threads, 'thread')}", lambda film, _: _null(film, threads))


def ours(sampling: str, workers: int) -> Contender:
    """On all cores: a worker takes more than one where there is one to spare, because decord decodes ahead."""
    return Contender(
        f"frame-extractor {sampling}, {_count(workers, 'worker')}",
        lambda film, out: _ours(film, out, sampling, workers),
    )


def ours_even(workers: int) -> Contender:
    """Frames spread evenly over shots found by a threshold, and all frames of intervals: what costs least."""
    return Contender(
        f"frame-extractor reference, {_count(workers, 'worker')}, even",
        lambda film, out: [*_ours(film, out, "reference", workers), *EVEN],
    )


def ours_auto(workers: int) -> Contender:
    """As many frames of each shot as are distinct."""
    return Contender(
        f"frame-extractor reference, {_count(workers, 'worker')}, auto",
        lambda film, out: [*_ours(film, out, "reference", workers), "--frames-per-scene", "auto"],
    )


def ours_on_one_core() -> Contender:
    """One worker, with the core that its place in the budget is for, and none beside it."""
    core = str(min(os.sched_getaffinity(0)))
    return Contender(
        "frame-extractor reference, 1 worker on 1 core",
        lambda film, out: ["taskset", "--cpu-list", core, *_ours(film, out, "reference", 1)],
    )


def pyscenedetect() -> Contender:
    return Contender("PySceneDetect save-images", _pyscenedetect, runs_at_most=1)


def all_of_them(cores: int, *, with_slow: bool) -> list[Contender]:
    """Everything, on this many cores. The one-liner comes first: ratios are to it."""
    found = [one_liner(cores), *map(null, sorted({1, cores})), *(ours("reference", n) for n in worker_counts(cores))]
    found += [ours_even(cores), ours_auto(cores)]
    return [*found, ours_on_one_core(), ours("exact", cores), *([pyscenedetect()] if with_slow else [])]


def a_few(cores: int) -> list[Contender]:
    """For films that are reported beside the standard one."""
    return [one_liner(cores), null(1), ours("reference", cores), ours("exact", cores)]


def worker_counts(cores: int) -> list[int]:
    """1, 2, 4, ... and all of them, the most first."""
    return sorted({*(1 << n for n in range(cores.bit_length())), cores}, reverse=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _ours(film: Path, out: Path, sampling: str, workers: int) -> list[str]:
    head = [sys.executable, "-m", "frame_extractor", str(film), "-o", str(out)]
    return [*head, "--sampling", sampling, "--workers", str(workers), "--retry", "0"]


def _one_liner(film: Path, out: Path, threads: int) -> list[str]:
    head = ["ffmpeg", "-v", "error", "-nostdin", "-threads", str(threads), "-i", str(film)]
    return [*head, "-an", "-vf", ONE_LINER, "-vsync", "vfr", "-q:v", "2", str(out / "%05d.jpg")]


def _null(film: Path, threads: int) -> list[str]:
    head = ["ffmpeg", "-v", "error", "-nostdin", "-threads", str(threads), "-i", str(film)]
    return [*head, "-map", "0:v:0", "-f", "null", "-"]


def _pyscenedetect(film: Path, out: Path) -> list[str]:
    head = [str(Path(sys.executable).with_name("scenedetect")), "-q", "-i", str(film), "-o", str(out)]
    return [*head, "detect-content", "-t", "30", "save-images", "-n", "10", "-q", "95"]
