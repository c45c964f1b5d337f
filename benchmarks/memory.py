"""`python -m benchmarks.memory`: does memory stay flat over a film's length, and does the feeder keep up?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from benchmarks import film, report
from benchmarks.__main__ import DOCUMENT, where
from benchmarks.measure import RunFailed, measured
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.cores import usable_cores

HEADINGS = ("", "workers", "wall s", "tree MB", "runner MB", "largest worker MB", "wait for film, % of wall")
MANY_WORKERS = 12


@click.command()
@click.option("--minutes", nargs=2, type=float, default=(5, 60), show_default=True, help="Lengths that are compared.")
@click.option("--dense/--no-dense", default=True, help="Also 40 Mbit/s with 12 workers.")
@click.option("--record", is_flag=True, help="Write the figures into docs/benchmarks.md.")
def main(minutes: tuple[float, float], dense: bool, record: bool) -> None:
    """Extracts two films of the same pictures and different lengths, and a film of 40 Mbit/s."""
    cores = usable_cores()
    lines = []
    try:
        with tempfile.TemporaryDirectory(prefix="framed-bench-") as name:
            for length in minutes:
                path = film.of_minutes(length, Path(name))
                lines.append(_line(f"{length:g} min of 1080p", path, cores, Path(name)))
                path.unlink()
            if dense:
                lines.append(_line("40 Mbit/s of 1080p", film.dense(), MANY_WORKERS, Path(name)))
    except film.NoSharedFilm as missing:
        raise click.ClickException(f"{missing} is not there") from None
    except RunFailed as failure:
        raise click.ClickException(str(failure)) from None
    report.console().print(report.table("frame-extractor, reference sampling", HEADINGS, lines))
    if record:
        report.write_between_markers(DOCUMENT, "memory", f"On {where(cores)}.\n\n{report.markdown(HEADINGS, lines)}")


def _line(about: str, path: Path, workers: int, folder: Path) -> tuple[str, ...]:
    """What extracting the film with so many workers took; their wait is that of one of them, on average."""
    print(f"{about}, {workers} workers", file=sys.stderr, flush=True)  # noqa: T201
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    # By its specification: on the command line, no more workers are given than there are cores.
    spec = AttemptSpec(
        project="benchmark",
        job_id="benchmark",
        films=(str(path),),
        frames_dir=str(out / "frames"),
        workers=workers,
    )
    spec_path = folder / "spec.json"
    spec_path.write_bytes(msgspec.json.encode(spec))
    cost = measured([sys.executable, "-m", "frame_extractor", "run", str(spec_path)], out)
    assert cost.film is not None
    waited = cost.film.stages_s.get("wait", 0.0) / workers / cost.film.wall_s
    sizes = (cost.peak.tree, cost.peak.root, cost.peak.child)
    return (about, str(workers), f"{cost.wall_s:.0f}", *(f"{size / 1e6:,.0f}" for size in sizes), f"{waited:.1%}")


if __name__ == "__main__":
    main()
