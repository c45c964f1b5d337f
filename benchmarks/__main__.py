"""`python -m benchmarks [FILM]`: framed's extractor beside what people use today, in turn, on this machine."""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import Contender, contenders
from benchmarks.film import lengthened
from benchmarks.measure import Cost, RunFailed, measured
from frame_extractor.cores import usable_cores
from frame_extractor.film import open_film

STANDARD = Path(__file__).resolve().parents[2] / "shared/films/whole/bbb_1080p24.ts"


@click.command()
@click.argument("film", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("-n", "runs", default=3, show_default=True, help="Runs of each, in turn; medians are shown.")
@click.option("--slow", is_flag=True, help="PySceneDetect too, once: minutes.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write the table here as SVG.")
def main(film: Path | None, runs: int, slow: bool, json_path: Path | None, picture: Path | None) -> None:
    """Times the extraction of FILM; without one, of 5:45 of 1080p made from the shared films."""
    if shutil.which("ffmpeg") is None:
        raise click.ClickException("ffmpeg is not installed, and is what framed is compared with: apt install ffmpeg")
    with tempfile.TemporaryDirectory(prefix="framed-bench-") as name:
        folder = Path(name)
        if film is None:
            if not STANDARD.exists():
                raise click.ClickException(f"{STANDARD} is not there; name a film")
            film = lengthened(STANDARD, folder / "film.ts")
        costs = _measure_all(contenders(usable_cores(), with_slow=slow), film, folder, runs)
        about = _about(film)
    table = _table(costs, about)
    console = Console(record=picture is not None, width=100 if picture else None)
    console.print(table)
    if picture is not None:
        console.save_svg(str(picture), title="python -m benchmarks")
    if json_path is not None:
        figures = {each: [asdict(cost) for cost in of_runs] for each, of_runs in costs.items()}
        json_path.write_text(json.dumps({"about": about, "runs": figures}, indent=1) + "\n", encoding="utf-8")


def _measure_all(all_of_them: list[Contender], film: Path, folder: Path, runs: int) -> dict[str, list[Cost]]:
    """One run of each, then the next of each: what slows the machine down slows all of them."""
    costs: dict[str, list[Cost]] = {each.name: [] for each in all_of_them}
    for nth in range(runs):
        for each in all_of_them:
            if nth >= each.runs_at_most:
                continue
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            print(f"run {nth + 1} of {runs}: {each.name}", file=sys.stderr, flush=True)  # noqa: T201
            try:
                costs[each.name].append(measured(each.command(film, out), out))
            except RunFailed as failure:
                raise click.ClickException(str(failure)) from None
    return costs


def _about(film: Path) -> str:
    facts = open_film(film)
    size = f"{facts.coded_width}x{facts.coded_height}"
    return f"{facts.duration_s:.0f} s of {size} {facts.codec}, {usable_cores()} cores, {platform.machine()}"


def _table(costs: dict[str, list[Cost]], about: str) -> Table:
    table = Table(title=about)
    for heading in ("", "runs", "wall s", "x one-liner", "CPU s", "peak MB", "images"):
        table.add_column(heading, justify="left" if not heading else "right")
    first = next(iter(costs.values()))
    for name, runs in costs.items():
        pairs = zip(runs, first, strict=False)
        table.add_row(
            name,
            str(len(runs)),
            f"{statistics.median(cost.wall_s for cost in runs):.1f}",
            f"{statistics.median(cost.wall_s / theirs.wall_s for cost, theirs in pairs):.2f}",
            f"{statistics.median(cost.cpu_s for cost in runs):.1f}",
            f"{statistics.median(cost.peak_bytes for cost in runs) / 1e6:,.0f}",
            f"{statistics.median(cost.images for cost in runs):,.0f}" if any(cost.images for cost in runs) else "",
        )
    return table


if __name__ == "__main__":
    main()
