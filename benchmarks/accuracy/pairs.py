"""Pairs of neighbouring images, drawn by a seed from an extraction, for somebody who judges them by eye.

    python -m benchmarks.accuracy.pairs OUTPUT_FOLDER SHEETS_FOLDER --seed 13 --number 160

A pair is two images that follow one another in one shot. It is a near-duplicate if a trainer would keep one of the two:
the same subjects are in the same pose with the same expression, nothing has come or gone, and the frame is shifted or
scaled by less than about a tenth of its width. What leaves, grass, shadows or a shaking camera do does not count. This
rule was fixed before the first pair was drawn.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import cv2
import msgspec
import numpy as np

from benchmarks.accuracy.films import TRUTH
from benchmarks.accuracy.truth import read_truth
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import ManifestEntry

LABELS: Final = Path(__file__).resolve().parents[2] / "docs/accuracy/pairs.jsonl"
LABEL_HEADINGS: Final = ("images of", "pairs judged", "near-duplicates", "share")
COLUMNS: Final = 3
ROWS: Final = 6
WIDTH: Final = 256
HEIGHT: Final = 144
GAP: Final = 18


class Pair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Two images, by their frames; how they were chosen, and what was seen of them."""

    of: str
    """`before`, `defaults` or `auto`; `before_again`: the pairs of before, by who judged the other two."""
    a: int
    b: int
    is_duplicate: bool | None = None
    """None while nobody has looked."""


def entries_of(layout: OutputLayout) -> list[ManifestEntry]:
    """The images of an extraction that are there, by frame."""
    entries = [msgspec.json.decode(line, type=ManifestEntry) for line in layout.manifest.read_bytes().splitlines()]
    return sorted((entry for entry in entries if not entry.removed), key=lambda entry: entry.frame_index)


def neighbours(frame_indices: Sequence[int], hard_cuts: Sequence[int]) -> list[tuple[int, int]]:
    """All pairs of an extraction. Shots are those that were seen, whatever the detector has found."""
    return [
        (a, b) for a, b in itertools.pairwise(frame_indices) if bisect_right(hard_cuts, a) == bisect_right(hard_cuts, b)
    ]


def drawn(pairs: Sequence[tuple[int, int]], number: int, seed: int) -> list[tuple[int, int]]:
    """So many of them, each as likely as any other, in order."""
    chosen = np.random.default_rng(seed).choice(len(pairs), number, replace=False)
    return [pairs[nth] for nth in sorted(chosen.tolist())]


def duplicate_share(labels: Sequence[Pair]) -> float:
    """Of the pairs that were looked at."""
    return sum(bool(pair.is_duplicate) for pair in labels) / max(1, len(labels))


def read_labels(path: Path = LABELS) -> list[Pair]:
    """Raises OSError."""
    return [msgspec.json.decode(line, type=Pair) for line in path.read_bytes().splitlines()]


def write_sheets(layout: OutputLayout, pairs: Sequence[tuple[int, int]], folder: Path) -> None:
    """JPEGs of some pairs each, with their numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {entry.frame_index: layout.frames_dir / entry.file for entry in entries_of(layout)}
    for sheet, first in enumerate(range(0, len(pairs), COLUMNS * ROWS)):
        canvas = np.full((ROWS * (HEIGHT + GAP), COLUMNS * (2 * WIDTH + GAP), 3), 255, dtype=np.uint8)
        for place, pair in enumerate(pairs[first : first + COLUMNS * ROWS]):
            y, x = place // COLUMNS * (HEIGHT + GAP), place % COLUMNS * (2 * WIDTH + GAP)
            cv2.putText(
                canvas, f"#{first + place}", (x, y + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 180), 1, cv2.LINE_AA
            )
            for nth, frame in enumerate(pair):
                picture = cv2.imread(str(files[frame]))
                assert picture is not None, files[frame]
                left = x + nth * (WIDTH + 4)
                canvas[y + GAP - 2 : y + GAP - 2 + HEIGHT, left : left + WIDTH] = cv2.resize(
                    picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
                )
        cv2.imwrite(str(folder / f"pairs-{sheet:02d}.jpg"), canvas)


def label_rows(labels: Sequence[Pair]) -> list[tuple[str, ...]]:
    """One for each extraction, under LABEL_HEADINGS."""
    by_name: dict[str, list[Pair]] = {}
    for pair in labels:
        by_name.setdefault(pair.of, []).append(pair)
    return [
        (name, str(len(pairs)), str(sum(bool(pair.is_duplicate) for pair in pairs)), f"{duplicate_share(pairs):.1%}")
        for name, pairs in by_name.items()
    ]


@click.command()
@click.argument("output", type=click.Path(path_type=Path, exists=True))
@click.argument("sheets", type=click.Path(path_type=Path))
@click.option("--of", "of", default="defaults", help="What the pairs are of, for their labels.")
@click.option("--seed", default=13)
@click.option("--number", default=160)
def main(output: Path, sheets: Path, of: str, seed: int, number: int) -> None:
    """Draws pairs of the images in an output folder; writes sheets of them, and pairs.jsonl to be filled in."""
    hard_cuts = read_truth(TRUTH).hard_cuts
    layout = OutputLayout(output / "frames")
    pairs = drawn(neighbours([entry.frame_index for entry in entries_of(layout)], hard_cuts), number, seed)
    write_sheets(layout, pairs, sheets)
    lines = [msgspec.json.encode(Pair(of=of, a=a, b=b)) + b"\n" for a, b in pairs]
    (sheets / "pairs.jsonl").write_bytes(b"".join(lines))


if __name__ == "__main__":
    main()
