"""Extracts a film with different settings, as a user does, and judges the images."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.accuracy.contents import Hash, contents_kept, hashes_of
from benchmarks.accuracy.images import Rates, rates_of, read_images
from benchmarks.accuracy.pairs import Pair, duplicate_share
from benchmarks.accuracy.truth import SeenFilm
from frame_extractor.contract.layout import OutputLayout

HEADINGS: Final = (
    "",
    "images",
    "distinct",
    "near-duplicates, measured",
    "near-duplicates, by eye",
    "contents",
    "of those before, found again",
    "black or uniform",
    "inside transitions",
)


@dataclass(frozen=True)
class Kind:
    """A way of extracting the film."""

    key: str
    """Of its output folder, and of its pairs among those judged by eye."""
    name: str
    options: Sequence[str]


BEFORE: Final = Kind(
    "before",
    "before: `content`, `even`, `dedupe: off`",
    ("--detector", "content", "--selection", "even", "--dedupe", "off"),
)
KINDS: Final = (
    BEFORE,
    Kind("defaults", "defaults: `peak`, `distinct`, `dedupe: shot`", ()),
    Kind("auto", "`frames_per_scene: auto`", ("--frames-per-scene", "auto")),
)
PEER: Final = ("video-sampler, as given", "1,437", "1,163", "19 %", "", "", "", "", "")
"""Not run here: as given by the people who compared it with framed, on the same film and by the same measure."""


class ExtractionFailed(Exception):
    """The extractor ended with an error; says which."""


@dataclass(frozen=True)
class Extracted:
    """What an extraction has given, without its images."""

    kind: Kind
    rates: Rates
    hashes: Mapping[int, Hash]


def extracted(film: Path, seen: SeenFilm, kind: Kind, folder: Path) -> Extracted:
    """Extracts the film into `folder`, if that has not been done. Raises ExtractionFailed."""
    layout = OutputLayout(folder / "frames")
    if not layout.results.exists():
        command = [sys.executable, "-m", "frame_extractor", str(film), "-o", str(folder), "--retry", "0", *kind.options]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ExtractionFailed(f"{' '.join(command)}: exit {ended.returncode}\n{ended.stderr[-2000:]}")
    return Extracted(kind, rates_of(read_images(layout), seen), hashes_of(layout))


def row(
    found: Extracted, before: Extracted, bad: Collection[int], labels: Sequence[Pair], seen: SeenFilm
) -> tuple[str, ...]:
    """Under HEADINGS. `bad` are frames of `before` that are no good images."""
    rates = found.rates
    kept = contents_kept(before.hashes, found.hashes, bad, seen.hard_cuts)
    judged = [pair for pair in labels if pair.of == found.kind.key]
    return (
        found.kind.name,
        f"{rates.images:,}",
        f"{rates.distinct:,}",
        f"{100 * rates.duplicate_share:.0f} %",
        f"{100 * duplicate_share(judged):.1f} % of {len(judged)}" if judged else "",
        str(kept.before if found is before else kept.after),
        f"{kept.covered / kept.before:.1%}" if found is not before else "",
        str(rates.black),
        str(rates.in_transitions),
    )
