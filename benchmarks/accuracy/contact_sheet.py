"""Twelve shots of the standard film, their images by two extractions one above the other: docs/accuracy-shots.jpg.

python -m benchmarks.accuracy.contact_sheet BEFORE_FOLDER AFTER_FOLDER docs/accuracy-shots.jpg
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.films import TRUTH
from benchmarks.accuracy.pairs import entries_of
from benchmarks.accuracy.truth import read_truth
from frame_extractor.contract.layout import OutputLayout

N_SHOTS: Final = 12
MIN_IMAGES: Final = 8
"""Before, of a shot that is shown."""
MAX_COLUMNS: Final = 14
WIDTH: Final = 112
HEIGHT: Final = 63
GAP: Final = 2
SHOT_GAP: Final = 10
JPEG_QUALITY: Final = 78

Canvas = npt.NDArray[np.uint8]


@click.command()
@click.argument("before", type=click.Path(path_type=Path, exists=True))
@click.argument("after", type=click.Path(path_type=Path, exists=True))
@click.argument("sheet", type=click.Path(path_type=Path))
def main(before: Path, after: Path, sheet: Path) -> None:
    """Writes a sheet of twelve shots, spread evenly over the film: images BEFORE above images AFTER."""
    hard_cuts = read_truth(TRUTH).hard_cuts
    rows = [_files_by_shot(OutputLayout(folder / "frames"), hard_cuts) for folder in (before, after)]
    shots = [shot for shot, files in sorted(rows[0].items()) if len(files) >= MIN_IMAGES]
    shown = [shots[(2 * nth + 1) * len(shots) // (2 * N_SHOTS)] for nth in range(N_SHOTS)]
    canvas = np.full((N_SHOTS * (2 * (HEIGHT + GAP) + SHOT_GAP), MAX_COLUMNS * (WIDTH + GAP), 3), 255, dtype=np.uint8)
    for nth, shot in enumerate(shown):
        for row, by_shot in enumerate(rows):
            y = nth * (2 * (HEIGHT + GAP) + SHOT_GAP) + row * (HEIGHT + GAP)
            _draw_row(canvas[y : y + HEIGHT], by_shot.get(shot, []))
    cv2.imwrite(str(sheet), canvas, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _files_by_shot(layout: OutputLayout, hard_cuts: Sequence[int]) -> dict[int, list[Path]]:
    """Shots are those that were seen, counted from 0."""
    by_shot: dict[int, list[Path]] = {}
    for entry in entries_of(layout):
        by_shot.setdefault(bisect_right(hard_cuts, entry.frame_index), []).append(layout.frames_dir / entry.file)
    return by_shot


def _draw_row(row: Canvas, files: Sequence[Path]) -> None:
    for column, file in enumerate(files[:MAX_COLUMNS]):
        picture = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_2)
        assert picture is not None, file
        small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        row[:, column * (WIDTH + GAP) : column * (WIDTH + GAP) + WIDTH] = small


if __name__ == "__main__":
    main()
