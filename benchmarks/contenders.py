"""What is measured: command lines that take frames out of a film, ours and those people use today."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ONE_LINER = "select='gt(scene,0.3)+isnan(prev_selected_t)+gte(t-prev_selected_t,0.265)'"


@dataclass(frozen=True)
class Contender:
    """One way to do it."""

    name: str
    command: Callable[[Path, Path], list[str]]
    """From the film and an empty output folder."""
    runs_at_most: int = 100
    """For what takes minutes."""


def contenders(cores: int, *, with_slow: bool) -> list[Contender]:
    """All of them, on this many cores. The one-liner comes first: ratios are to it."""
    found = [
        Contender("ffmpeg one-liner", lambda film, out: _one_liner(film, out, cores)),
        Contender("ffmpeg to null, 1 thread", lambda film, _: _null(film, 1)),
        Contender(f"ffmpeg to null, {cores} threads", lambda film, _: _null(film, cores)),
        *(_ours("reference", workers) for workers in dict.fromkeys((cores, 1))),
        _ours("exact", cores),
    ]
    if with_slow:
        found.append(Contender("PySceneDetect save-images", _pyscenedetect, runs_at_most=1))
    return found


def _one_liner(film: Path, out: Path, threads: int) -> list[str]:
    head = ["ffmpeg", "-v", "error", "-nostdin", "-threads", str(threads), "-i", str(film)]
    return [*head, "-an", "-vf", ONE_LINER, "-vsync", "vfr", "-q:v", "2", str(out / "%05d.jpg")]


def _null(film: Path, threads: int) -> list[str]:
    head = ["ffmpeg", "-v", "error", "-nostdin", "-threads", str(threads), "-i", str(film)]
    return [*head, "-map", "0:v:0", "-f", "null", "-"]


def _ours(sampling: str, workers: int) -> Contender:
    def command(film: Path, out: Path) -> list[str]:
        head = [sys.executable, "-m", "frame_extractor", str(film), "-o", str(out)]
        return [*head, "--sampling", sampling, "--workers", str(workers)]

    return Contender(f"frame-extractor {sampling}, {workers} worker{'s' * (workers > 1)}", command)


def _pyscenedetect(film: Path, out: Path) -> list[str]:
    head = [str(Path(sys.executable).with_name("scenedetect")), "-q", "-i", str(film), "-o", str(out)]
    return [*head, "detect-content", "-t", "30", "save-images", "-n", "10", "-q", "95"]
