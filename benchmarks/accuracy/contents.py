"""How many different contents an extraction's images have, by perceptual hashes: not the measure they are chosen by."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.pairs import entries_of
from frame_extractor.contract.layout import OutputLayout

SAME_CONTENT_BITS: Final = 4
"""Of 64: hashes that differ in no more are of one content. Of judged pairs this has precision 0.75, recall 0.91."""
NEAR_CONTENT_BITS: Final = 12
"""A content is found again where a hash of the same shot differs in no more. Of the frames that follow the images of
before, one frame later, this finds 97.9 %; three frames later 95.7 %."""
BAD_LABELS: Final = ("black", "fade", "iris", "title", "credits", "blur_whole", "blur_subj")

Hash = npt.NDArray[np.bool_]
"""bool, (64,)."""


@dataclass(frozen=True)
class ContentsKept:
    """Of the good images of one extraction, and of another one's."""

    before: int
    """Different contents, shot by shot, among the good images of the one."""
    after: int
    """Different contents among all images of the other."""
    covered: int
    """Of those before: with an image of the other in the same shot that is near."""


def perceptual_hash(path: Path) -> Hash:
    """The signs of the 64 lowest frequencies of the image against their median."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert grey is not None, path
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:8, :8].ravel()
    return np.asarray(lowest > np.median(lowest))


def hashes_of(layout: OutputLayout) -> dict[int, Hash]:
    """Of all images, by frame."""
    return {entry.frame_index: perceptual_hash(layout.frames_dir / entry.file) for entry in entries_of(layout)}


def bad_frames(labels: Path) -> frozenset[int]:
    """Frames of images that somebody has called black, faded, titles, credits or blurred. Raises OSError."""
    names = msgspec.json.decode(labels.read_bytes())["labels"]
    return frozenset(int(name.split("_frame")[1].split("_")[0]) for label in BAD_LABELS for name in names[label])


def contents_kept(
    before: Mapping[int, Hash], after: Mapping[int, Hash], bad: Collection[int], hard_cuts: Sequence[int]
) -> ContentsKept:
    """Compares two extractions of one film. Shots are those that were seen."""
    good = {frame: found for frame, found in before.items() if frame not in bad}
    distinct_before, distinct_after = (_distinct(images, hard_cuts) for images in (good, after))
    by_shot: defaultdict[int, list[Hash]] = defaultdict(list)
    for frame, found in after.items():
        by_shot[bisect_right(hard_cuts, frame)].append(found)
    n_covered = sum(
        any(_bits(good[frame], other) <= NEAR_CONTENT_BITS for other in by_shot[bisect_right(hard_cuts, frame)])
        for frame in distinct_before
    )
    return ContentsKept(len(distinct_before), len(distinct_after), n_covered)


def _distinct(images: Mapping[int, Hash], hard_cuts: Sequence[int]) -> list[int]:
    kept: defaultdict[int, list[Hash]] = defaultdict(list)
    distinct = []
    for frame in sorted(images):
        others = kept[bisect_right(hard_cuts, frame)]
        if all(_bits(images[frame], other) > SAME_CONTENT_BITS for other in others):
            others.append(images[frame])
            distinct.append(frame)
    return distinct


def _bits(a: Hash, b: Hash) -> int:
    return int((a != b).sum())
