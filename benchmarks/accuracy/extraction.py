"""Extracts a film with different settings, as a user does, and judges the images."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.accuracy.images import Rates, rates_of, read_images
from benchmarks.accuracy.truth import SeenFilm
from frame_extractor.contract.layout import OutputLayout

SETTINGS: Final[Mapping[str, Sequence[str]]] = {
    "before: `content`, `even`": ("--detector", "content", "--selection", "even", "--dedupe", "off"),
    "defaults: `peak`, `distinct`": (),
    "`--frames-per-scene auto`": ("--frames-per-scene", "auto"),
}
HEADINGS: Final = ("", "images", "distinct", "near-duplicates", "black or uniform", "inside transitions")
PEER: Final = ("video-sampler (given)", "1,437", "1,163", "19 %", "", "")
"""Not run here: as given by those who compared it with framed, on the same film and by the same measure."""


class ExtractionFailed(Exception):
    """The extractor ended with an error; says which."""


def judged(film: Path, seen: SeenFilm, options: Sequence[str]) -> Rates:
    """What an extraction with these options gives. Raises ExtractionFailed."""
    with tempfile.TemporaryDirectory(prefix="framed-accuracy-") as folder:
        command = [sys.executable, "-m", "frame_extractor", str(film), "-o", folder, "--retry", "0", *options]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ExtractionFailed(f"{' '.join(command)}: exit {ended.returncode}\n{ended.stderr[-2000:]}")
        return rates_of(read_images(OutputLayout(Path(folder) / "frames")), seen)


def row(name: str, rates: Rates) -> tuple[str, ...]:
    """Under HEADINGS."""
    duplicates = f"{100 * rates.duplicate_share:.0f} %"
    return (name, f"{rates.images:,}", f"{rates.distinct:,}", duplicates, str(rates.black), str(rates.in_transitions))
