"""What is wrong with the images that an extraction has written, measured in the images themselves.

Not in the features by which they were chosen, and not by the selector's own measures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.pairs import entries_of
from benchmarks.accuracy.truth import SeenFilm
from frame_extractor.contract.layout import OutputLayout

SMALL_SIZE: Final = (64, 36)
TILE_SIZE: Final = (8, 6)
MAX_DUPLICATE_DIFFERENCE: Final = 18.0
"""Of the tile that differs most. Of judged pairs this separates near-duplicates with precision 0.97, recall 0.79."""
BLACK_P98: Final = 24
UNIFORM_DEVIATION: Final = 6.0


@dataclass(frozen=True)
class Image:
    """One image, reduced to what is compared."""

    frame_index: int
    small: npt.NDArray[np.int64]
    """(36, 64, 3), BGR."""
    is_black: bool
    """Black, or of one colour."""


@dataclass(frozen=True)
class Rates:
    """What an extraction has given."""

    images: int
    distinct: int
    """Those that differ from all earlier ones of their shot that were counted."""
    black: int
    in_transitions: int

    @property
    def duplicate_share(self) -> float:
        """Of the images, those that differ too little from another of their shot."""
        return 1 - self.distinct / max(1, self.images)


def read_images(layout: OutputLayout) -> list[Image]:
    """All images of the one film in an output folder, by frame index."""
    return [_read(layout.frames_dir / entry.file, entry.frame_index) for entry in entries_of(layout)]


def _read(path: Path, frame_index: int) -> Image:
    picture = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2)
    assert picture is not None, path
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    is_black = bool(np.percentile(grey, 98) < BLACK_P98 or grey.std() < UNIFORM_DEVIATION)
    small = cv2.resize(picture, SMALL_SIZE, interpolation=cv2.INTER_AREA)
    return Image(frame_index, small.astype(np.int64), is_black)


def rates_of(images: Sequence[Image], seen: SeenFilm) -> Rates:
    """Of one extraction. Shots are those that were seen, so that no detector has an advantage."""
    return Rates(
        images=len(images),
        distinct=sum(len(distinct) for distinct in _distinct_by_shot(images, seen)),
        black=sum(image.is_black for image in images),
        in_transitions=sum(
            any(each.start <= image.frame_index <= each.end for each in seen.transitions) for image in images
        ),
    )


def _distinct_by_shot(images: Iterable[Image], seen: SeenFilm) -> list[list[Image]]:
    by_shot: list[list[Image]] = [[] for _ in range(len(seen.hard_cuts) + 1)]
    for image in images:
        distinct = by_shot[bisect_right(seen.hard_cuts, image.frame_index)]
        if all(largest_difference(image, other) > MAX_DUPLICATE_DIFFERENCE for other in distinct):
            distinct.append(image)
    return by_shot


def largest_difference(a: Image, b: Image) -> float:
    """Mean absolute difference of the tile that differs most."""
    difference = np.abs(a.small - b.small).mean(axis=2)
    columns, rows = SMALL_SIZE[0] // TILE_SIZE[0], SMALL_SIZE[1] // TILE_SIZE[1]
    tiles = difference.reshape(rows, TILE_SIZE[1], columns, TILE_SIZE[0]).mean(axis=(1, 3))
    return float(tiles.max())
