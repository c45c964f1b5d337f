"""What was measured, as a table for people, as Markdown in the documentation, and against what was promised."""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import null, one_liner, ours, ours_even, ours_on_one_core
from benchmarks.measure import Cost

Costs = Mapping[str, Sequence[Cost]]
"""By contender, in the order of rounds; the first contender is what the others are compared with."""

HEADINGS = ("", "wall s", "x one-liner", "CPU s", "MB", "parent MB", "child MB", "1st image s", "images")
"""Memory: of the whole tree, of the process that was started, of the largest of those below it."""
MARKED = "<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->"


class NoMarkers(Exception):
    """A document has no place for this table; says which."""


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    """The median of the ratios within each round: what slowed the machine down slowed both."""
    return statistics.median(of(mine) / of(other) for mine, other in zip(ours, theirs, strict=False))


def rows(costs: Costs) -> list[tuple[str, ...]]:
    """One for each contender, under HEADINGS: medians."""
    first = next(iter(costs.values()))
    return [
        (
            name,
            f"{_median(runs, _wall):.1f}",
            f"{ratio(runs, first, _wall):.2f}",
            f"{_median(runs, _cpu):.1f}",
            f"{_median(runs, lambda cost: cost.peak.tree) / 1e6:,.0f}",
            f"{_median(runs, lambda cost: cost.peak.root) / 1e6:,.0f}",
            f"{child:,.0f}" if (child := _median(runs, lambda cost: cost.peak.child) / 1e6) >= 1 else "",
            f"{_median(runs, _first_image):.2f}" if all(cost.images for cost in runs) else "",
            f"{_median(runs, lambda cost: cost.images):,.0f}" if any(cost.images for cost in runs) else "",
        )
        for name, runs in costs.items()
    ]


def targets(costs: Costs, cores: int, help_s: float) -> list[tuple[str, str, str]]:
    """What was promised of 1080p H.264, the bound, and what was measured; without what was not run."""
    theirs, floor = costs[one_liner(cores).name], costs[null(1).name]
    reference, exact = costs[ours("reference", cores).name], costs[ours("exact", cores).name]
    even = costs[ours_even(cores).name]
    one, two = costs[ours_on_one_core().name], costs.get(ours("reference", 2).name, ())
    repaired = [cost.film.repaired_frames / max(1, cost.film.source_frames) for cost in reference if cost.film]
    found = [
        ("wall, reference / one-liner", "<= 0.85 (aim 0.75)", f"{ratio(reference, theirs, _wall):.2f}"),
        ("images, reference, even / one-liner", ">= 1", f"{ratio(even, theirs, lambda cost: cost.images):.2f}"),
        ("wall, exact / one-liner", "<= 1.25", f"{ratio(exact, theirs, _wall):.2f}"),
        ("CPU, reference / ffmpeg to null, 1 thread", "<= 1.4", f"{ratio(reference, floor, _cpu):.2f}"),
        ("CPU, reference / the same, even", "<= 1.12", f"{ratio(reference, even, _cpu):.2f}"),
        ("largest worker, MB", "<= 1,000", f"{_median(reference, lambda cost: cost.peak.child) / 1e6:,.0f}"),
        ("frames decoded a second time", "<= 10 %", f"{statistics.median(repaired):.1%}"),
        ("first image on disk, s", "<= 3", f"{_median(reference, _first_image):.2f}"),
        ("`frame-extractor --help`, s", "< 0.3", f"{help_s:.2f}"),
    ]
    if two:
        found.insert(4, ("2 workers on 2 cores, times as fast as 1 on 1", ">= 1.8", f"{ratio(one, two, _wall):.2f}"))
    return found


def console() -> Console:
    """Standard output; in a file, as wide as the tables are."""
    return Console(width=None if sys.stdout.isatty() else 140)


def table(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """For a terminal."""
    found = Table(title=title)
    for nth, heading in enumerate(headings):
        found.add_column(heading, justify="right" if nth else "left", no_wrap=not nth)
    for line in lines:
        found.add_row(*line)
    return found


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """For a document; the first column to the left."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, rule, *lines))


def write_between_markers(document: Path, name: str, text: str) -> None:
    """The document says this between `<!-- name: begin -->` and `<!-- name: end -->`. Raises NoMarkers."""
    content = document.read_text(encoding="utf-8")
    pattern = re.compile(rf"<!-- {re.escape(name)}: begin -->.*?<!-- {re.escape(name)}: end -->", re.DOTALL)
    if len(pattern.findall(content)) != 1:
        raise NoMarkers(f"{document} needs one pair of lines <!-- {name}: begin --> and <!-- {name}: end -->")
    marked = MARKED.format(name=name, text=text.strip())
    document.write_text(pattern.sub(lambda _: marked, content), encoding="utf-8")


def median_wall_s(runs: Sequence[Cost]) -> float:
    return _median(runs, _wall)


def _median(runs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    return statistics.median(of(cost) for cost in runs)


def _wall(cost: Cost) -> float:
    return cost.wall_s


def _cpu(cost: Cost) -> float:
    return cost.cpu_s


def _first_image(cost: Cost) -> float:
    return cost.wall_s if cost.first_image_s is None else cost.first_image_s
