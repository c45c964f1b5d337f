"""What is in a film, as somebody saw it, and how what was found compares."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tests.harness.edited_film import Truth

TOLERANCE: Final = 2
"""Frames between a cut and where it is found. Where every second frame is decoded, nobody can be nearer."""


class SeenTransition(msgspec.Struct, frozen=True):
    """Frames [start, end] of a fade, dissolve or iris."""

    kind: str
    start: int
    end: int


class SeenFilm(msgspec.Struct, frozen=True):
    """The truth of the standard film, as its file has it."""

    hard_cuts: tuple[int, ...]
    transitions: tuple[SeenTransition, ...]
    ambiguous: tuple[int, ...]
    """What is found within TOLERANCE of these counts neither way."""


def read_truth(path: Path) -> SeenFilm:
    """Raises OSError, and msgspec.DecodeError where it is no such file."""
    return msgspec.json.decode(path.read_bytes(), type=SeenFilm)


def of_edited(truth: Truth) -> SeenFilm:
    """The same, of a generated film."""
    transitions = tuple(SeenTransition(each.kind.value, each.first, each.last) for each in truth.transitions)
    return SeenFilm(hard_cuts=truth.cuts, transitions=transitions, ambiguous=())


@dataclass(frozen=True)
class Found:
    """How many cuts were found, were missed, and are none."""

    right: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(self.right + other.right, self.missed + other.missed, self.false + other.false)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, in percent."""
        return 200 * self.right / max(1, 2 * self.right + self.missed + self.false)


def compare_cuts(found: Sequence[int], seen: SeenFilm) -> tuple[Found, Found]:
    """Of the even and of the odd shots of a film, counted from 0 by its hard cuts.

    A cut belongs to the shot that it begins; what is found and is none, to the shot that it lies in.
    """
    doubtful = [cut for cut in found if not _is_near(cut, seen.ambiguous)]
    unmatched = set(doubtful)
    halves = [Found(), Found()]
    for shot, cut in enumerate(seen.hard_cuts, 1):
        if _is_near(cut, seen.ambiguous):
            continue
        nearest = min(unmatched, key=lambda each: (abs(each - cut), each), default=None)
        if nearest is not None and abs(nearest - cut) <= TOLERANCE:
            unmatched.remove(nearest)
            halves[shot % 2] += Found(right=1)
        else:
            halves[shot % 2] += Found(missed=1)
    for cut in unmatched:
        halves[bisect_right(seen.hard_cuts, cut) % 2] += Found(false=1)
    return halves[0], halves[1]


def _is_near(frame: int, others: Sequence[int]) -> bool:
    return any(abs(frame - other) <= TOLERANCE for other in others)
