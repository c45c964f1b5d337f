"""`python -m benchmarks [FILM]`: framed's extractor beside what people use today, in turn, on this machine."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from benchmarks import contenders, film, picture, report
from benchmarks.contenders import Contender
from benchmarks.measure import Cost, RunFailed, help_s, measured
from frame_extractor.contract.cores import usable_cores
from frame_extractor.reading.film import open_film

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
DOCUMENT = REPOSITORY / "docs/benchmarks.md"
PICTURE = REPOSITORY / "docs/benchmarks.svg"
FIGURES = REPOSITORY / "docs/benchmarks.json"


@click.command()
@click.argument(
    "film_path", metavar="[FILM]", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("-n", "runs", default=3, show_default=True, help="Runs of each, in turn; medians are shown.")
@click.option("--slow", is_flag=True, help="PySceneDetect too, once: minutes.")
@click.option("--beside/--no-beside", default=True, help="Also 720p and HEVC, half as often.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--picture", "picture_path", type=click.Path(path_type=Path), help="Write the wall times here as SVG.")
@click.option(
    "--record", is_flag=True, help="Write the figures into README.md and docs/benchmarks.*; without a FILM only."
)
def main(
    *,
    film_path: Path | None,
    runs: int,
    slow: bool,
    beside: bool,
    json_path: Path | None,
    picture_path: Path | None,
    record: bool,
) -> None:
    """Times the extraction of FILM; without one, of 5:45 of 1080p made from the shared films, and two others."""
    if shutil.which("ffmpeg") is None:
        raise click.ClickException("ffmpeg is not installed, and is what framed is compared with: apt install ffmpeg")
    if film_path is not None and record:
        raise click.UsageError("--record is for the standard films; leave FILM out")
    cores = usable_cores()
    try:
        films = {"": film_path} if film_path else _standard_films(beside=beside)
        rounds = {name: max(1, runs // 2) if name else runs for name in films}
        costs = {
            name: _measured_in_turn(
                contenders.a_few(cores) if name else contenders.all_of_them(cores, with_slow=slow),
                path,
                rounds[name],
                name,
            )
            for name, path in films.items()
        }
        start_s = help_s()
    except (film.NoSharedFilm, RunFailed) as failure:
        raise click.ClickException(
            f"{failure} is not there; name a film" if isinstance(failure, film.NoSharedFilm) else str(failure)
        ) from None
    titles = {name: f"{_about(path)}, medians of {rounds[name]}" for name, path in films.items()}
    console = report.console()
    for name, of_film in costs.items():
        console.print(report.table(titles[name], report.HEADINGS, report.rows(of_film)))
    if record:
        picture_path, json_path = picture_path or PICTURE, json_path or FIGURES
    if film_path is None:
        promised = report.targets(costs[""], cores, start_s)
        console.print(report.table("what was promised of the first film", ("", "bound", "measured"), promised))
        if record:
            _record(titles, costs, promised, where(cores))
    if picture_path is not None:
        seconds = [(name, report.median_wall_s(of_runs)) for name, of_runs in costs[""].items()]
        picture_path.write_text(picture.bars(titles[""], seconds, "frame-extractor"), encoding="utf-8")
    if json_path is not None:
        everything = {"where": where(cores), "titles": titles, "help_s": start_s, "runs": costs}
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(everything), indent=1) + b"\n")


def _standard_films(*, beside: bool) -> dict[str, Path]:
    others = {"720p": film.whole_720p, "HEVC": film.hevc} if beside else {}
    print("making the films, where they are not there yet", file=sys.stderr, flush=True)  # noqa: T201
    return {"": film.standard(), **{name: make() for name, make in others.items()}}


def _measured_in_turn(all_of_them: list[Contender], path: Path, runs: int, name: str) -> dict[str, list[Cost]]:
    """One run of each, then the next of each: what slows the machine down slows all of them."""
    costs: dict[str, list[Cost]] = {each.name: [] for each in all_of_them}
    with tempfile.TemporaryDirectory(prefix="framed-bench-") as folder:
        out = Path(folder, "out")
        for nth in range(runs):
            for each in all_of_them:
                if nth >= each.runs_at_most:
                    continue
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                print(f"{name or 'run'} {nth + 1} of {runs}: {each.name}", file=sys.stderr, flush=True)  # noqa: T201
                costs[each.name].append(measured(each.command(path, out), out))
    return costs


def _about(path: Path) -> str:
    facts = open_film(path)
    return f"{facts.duration_s:.0f} s of {facts.coded_width}x{facts.coded_height} {facts.codec}"


def where(cores: int) -> str:
    """The machine and the day."""
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in facts if line.startswith("model name"))
    model = next(models, platform.machine())
    return f"{cores} cores of {model}, {datetime.now(UTC):%Y-%m-%d}"


def _record(
    titles: dict[str, str], costs: dict[str, dict[str, list[Cost]]], promised: list[tuple[str, str, str]], where: str
) -> None:
    tables = {
        name: f"{titles[name]}:\n\n{report.markdown(report.HEADINGS, report.rows(of_film))}"
        for name, of_film in costs.items()
    }
    bounds = report.markdown(("", "bound", "measured"), promised)
    shown = f"![Wall times as bars]({PICTURE.relative_to(REPOSITORY)})"
    report.write_between_markers(README, "benchmark", f"On {where}; {tables['']}\n\n{shown}")
    report.write_between_markers(DOCUMENT, "benchmark", "\n\n".join([f"On {where}.", *tables.values(), bounds]))


if __name__ == "__main__":
    main()
