"""`python -m benchmarks.scanner`: what an idle daemon costs that only scans for films."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
import psutil

from benchmarks import report
from benchmarks.__main__ import DOCUMENT, where
from frame_extractor.contract.cores import usable_cores
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult

HEADINGS = ("", "CPU, % of a core", "less the first line", "CPU s until all were read", "resident MB")
SETTINGS = "watch: {auto_submit: false}\nbudget: {memory_floor_gb: 0}\n"
"""All settings of scanning are at their defaults."""
SETTLED_S = 300.0
"""Time for the films to settle and to be read."""
REST_S = 12.0
"""After that: the last scans that find something new."""


@dataclass(frozen=True)
class Upkeep:
    """What one daemon used."""

    share: float
    """Of a core, while nothing changed."""
    settling_cpu_s: float
    """User and system time from its start until every film had been read."""
    resident_bytes: int


@click.command()
@click.option("--films", default=10_000, show_default=True, help="Files below raw_videos.")
@click.option("--projects", multiple=True, type=int, default=(100, 1000), show_default=True, help="That they lie in.")
@click.option("--seconds", default=60.0, show_default=True, help="How long the daemon is watched.")
@click.option("--record", is_flag=True, help="Write the figures into docs/benchmarks.md.")
def main(films: int, projects: tuple[int, ...], seconds: float, *, record: bool) -> None:
    """Runs daemons on roots of extracted films, one after the other, the first on a root without any."""
    lines = []
    idle = 0.0
    for n_projects in (0, *projects):
        about = f"{films:,} films in {n_projects:,} projects" if n_projects else "no film"
        print(about, file=sys.stderr, flush=True)  # noqa: T201
        with tempfile.TemporaryDirectory(prefix="framed-bench-") as folder:
            root = Path(folder).resolve() / "root"
            n_films = _extracted(root, films, n_projects) if n_projects else _extracted(root, 0, 1)
            upkeep = _watched(root, n_films, seconds)
        idle = idle if n_projects else upkeep.share
        more = f"{upkeep.share - idle:.2%}" if n_projects else ""
        size = f"{upkeep.resident_bytes / 1e6:,.0f}"
        lines.append((about, f"{upkeep.share:.2%}", more, f"{upkeep.settling_cpu_s:.1f}", size))
    report.console().print(report.table(f"an idle daemon, over {seconds:g} s", HEADINGS, lines))
    if record:
        text = f"On {where(usable_cores())}, over {seconds:g} s each.\n\n{report.markdown(HEADINGS, lines)}"
        report.write_between_markers(DOCUMENT, "scanner", text)


def _extracted(root: Path, n_films: int, n_projects: int) -> int:
    """A root of that many films or a few less, each extracted; returns how many."""
    (root / "configs").mkdir(parents=True)
    (root / "configs" / "framed.yaml").write_text(SETTINGS, encoding="utf-8")
    (root / "raw_videos").mkdir()
    in_each = n_films // n_projects
    for number in range(n_projects if in_each else 0):
        project = f"project {number:04}"
        folder = root / "raw_videos" / project
        folder.mkdir()
        for episode in range(in_each):
            (folder / f"Episode {episode:04}.mkv").write_text(f"{project} {episode}", encoding="utf-8")
        layout = OutputLayout(root / "datasets" / project / "frames")
        layout.frames_dir.mkdir(parents=True)
        (layout.frames_dir / "scene0001.jpg").touch()
        results = [
            FilmResult(name=film.name, path=str(film), fingerprint=film_fingerprint(film), status="complete", images=1)
            for film in folder.iterdir()
        ]
        layout.results.write_bytes(msgspec.json.encode({"total_frames": len(results), "films": results}))
    return in_each * n_projects


def _watched(root: Path, n_films: int, seconds: float) -> Upkeep:
    command = [sys.executable, "-m", "framed", "start", "--root", str(root)]
    runtime = root.parent / "run"
    runtime.mkdir(mode=0o700)
    log = root.parent / "log"
    with log.open("wb") as file:
        daemon = subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
        )
    try:
        return _measured(psutil.Process(daemon.pid), root / "state" / "framed.db", n_films, seconds)
    except (psutil.Error, TimeoutError) as failed:
        raise click.ClickException(f"{failed}\n{log.read_text(errors='replace')[-2000:]}") from None
    finally:
        daemon.terminate()
        daemon.wait()


def _measured(daemon: psutil.Process, store: Path, n_films: int, seconds: float) -> Upkeep:
    deadline_s = time.monotonic() + SETTLED_S
    # Of the daemon itself nothing is asked: an answer would cost more than what is measured.
    while _n_remembered(store) < n_films:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{n_films} films have not settled in {SETTLED_S:g} s")
        time.sleep(0.5)
    settling_cpu_s = _cpu_s(daemon)
    time.sleep(REST_S)
    began_s, used_s = time.monotonic(), _cpu_s(daemon)
    time.sleep(seconds)
    share = (_cpu_s(daemon) - used_s) / (time.monotonic() - began_s)
    return Upkeep(share, settling_cpu_s, daemon.memory_info().rss)


def _n_remembered(store: Path) -> int:
    """Films that the daemon has read; -1 before it has begun to write."""
    try:
        db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return int(db.execute("SELECT count(*) FROM films").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error:
        return -1


def _cpu_s(daemon: psutil.Process) -> float:
    times = daemon.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
