"""Joins the parts of a scan, in order, into one film: the score across every edge is computed here.

Parts may arrive in any order; each is kept only until its turn has come.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from frame_extractor.contract import FailedRange
from frame_extractor.score import Hsv, content_score
from frame_extractor.shots import Samples
from frame_extractor.worker import ScanPart


@dataclass(frozen=True)
class Scan:
    """What a scan has found out about a film."""

    samples: Samples
    failed: tuple[FailedRange, ...]
    """In order; neighbours joined."""
    n_frames: int
    end_s: float
    """Film time at which the last frame ends."""
    readers: tuple[str, ...]
    """The reader of each task, by its number."""
    stages_s: dict[str, float]

    @property
    def failed_fraction(self) -> float:
        """Share of the film's time that could not be decoded."""
        missing_s = sum(failed.end_s - failed.start_s for failed in self.failed)
        return missing_s / self.end_s if self.end_s > 0 else 0.0


class Stitcher:
    """Takes the parts of tasks 0, 1, 2, ... as they are finished."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[ScanPart]] = {}
        self._next_task = 0
        self._frame_indices: list[int] = []
        self._times_s: list[float] = []
        self._scores: list[float] = []
        self._breaks: set[int] = set()
        self._failed: list[FailedRange] = []
        self._last: Hsv | None = None
        self._n_frames = 0
        self._end_s = 0.0
        self._readers: list[str] = []
        self._stages_s: Counter[str] = Counter()

    def add(self, task_number: int, parts: list[ScanPart]) -> None:
        """The parts of one finished task, in their order."""
        self._waiting[task_number] = parts
        while (parts_in_turn := self._waiting.pop(self._next_task, None)) is not None:
            for part in parts_in_turn:
                self._join(part)
            self._readers.append(parts_in_turn[-1].reader if parts_in_turn else "none")
            self._next_task += 1

    def _join(self, part: ScanPart) -> None:
        offset = len(self._frame_indices)
        scores = list(part.scores)
        is_first_joined = 0 not in part.breaks and offset not in self._breaks
        if self._last is not None and part.first is not None and is_first_joined:
            scores[0] = content_score(self._last, part.first)
        self._frame_indices += part.frame_indices
        self._times_s += part.times_s
        self._scores += scores
        self._breaks |= {offset + position for position in part.breaks}
        for failed in part.failed:
            self._add_failed(failed)
        self._last = part.last if part.last is not None else self._last
        self._n_frames += part.n_frames
        self._end_s = max(self._end_s, part.end_s)
        self._stages_s.update(part.stages_s)

    def _add_failed(self, failed: FailedRange) -> None:
        if self._failed and failed.start_s <= self._failed[-1].end_s:
            before = self._failed.pop()
            failed = FailedRange(start_s=before.start_s, end_s=failed.end_s, reason=before.reason)
        self._failed.append(failed)

    def scan(self) -> Scan:
        """All of it, once every task has been added."""
        return Scan(
            samples=Samples(
                frame_indices=np.array(self._frame_indices, dtype=np.int64),
                times_s=np.array(self._times_s, dtype=np.float64),
                scores=np.array(self._scores, dtype=np.float64),
                breaks=frozenset(number for number in self._breaks if number < len(self._frame_indices)),
            ),
            failed=tuple(self._failed),
            n_frames=self._n_frames,
            end_s=self._end_s,
            readers=tuple(self._readers),
            stages_s=dict(self._stages_s),
        )
