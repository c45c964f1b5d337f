"""Joins the parts of a scan, in order, into one film, and says which frames are wanted as soon as that is certain.

The score across every edge between two parts is computed here, and the shots are found over the whole film: what a
worker took for a shot does not count. Parts may arrive in any order; each waits until those before it are joined.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from frame_extractor.contract.attempt import ShotStart
from frame_extractor.contract.results import FailedRange, FilmTransition
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.features.compare import compare
from frame_extractor.features.sample import set_change
from frame_extractor.features.samples import FeatureList, Samples
from frame_extractor.features.small_picture import SmallPicture
from frame_extractor.picking.plan import Pick
from frame_extractor.picking.shot_planner import ShotPlanner
from frame_extractor.picking.shots import Shot, ShotFinder
from frame_extractor.picking.transitions import Transition
from frame_extractor.workers.tasks import ScanPart


@dataclass(frozen=True)
class Scan:
    """What the scan of a whole film has found out."""

    samples: Samples
    shots: tuple[Shot, ...]
    failed: tuple[FailedRange, ...]
    """In order; neighbours joined."""
    n_frames: int
    end_s: float
    """Film time at which the last frame ends."""
    counted_from_s: float | None
    """From where on frame numbers are only a count of what is there."""
    readers: dict[int, str]
    """Number of chunk -> name of its reader."""
    n_wanted: int
    """Images wanted of all shots; those of intervals aside."""
    n_given: int
    transitions: tuple[FilmTransition, ...]
    stages_s: dict[str, float]

    def failed_fraction(self, start_s: float) -> float:
        """Share of the film's time from `start_s` on that could not be decoded."""
        missing_s = sum(failed.end_s - failed.start_s for failed in self.failed)
        # A file may break off long before its film does.
        total_s = max([self.end_s, *(failed.end_s for failed in self.failed)]) - start_s
        return missing_s / total_s if total_s > 0 else 0.0


class Stitcher:
    """Takes the parts of spans 0, 1, 2, ... as they are finished."""

    def __init__(self, settings: ExtractionSettings, planner: ShotPlanner) -> None:
        self._planner = planner
        self._waiting: dict[int, ScanPart] = {}
        self._next_part = 0
        self._numbers: list[int] = []
        self._frame_indices: list[int] = []
        self._times_s: list[float] = []
        self._features = FeatureList()
        self._breaks: set[int] = set()
        self._finder = ShotFinder(settings)
        self._shots: list[Shot] = []
        self._n_wanted = 0
        self._n_given = 0
        self._transitions: list[FilmTransition] = []
        self._failed: list[FailedRange] = []
        self._last: SmallPicture | None = None
        self._n_frames = 0
        self._end_s = 0.0
        self._counted_from_s: float | None = None
        self._readers: dict[int, str] = {}
        self._stages_s: Counter[str] = Counter()

    def add(self, number: int, part: ScanPart) -> list[Pick]:
        """Takes one span's part; the picks that are certain now and were not before, in order of frames."""
        self._waiting[number] = part
        ended: list[Shot] = []
        while (in_turn := self._waiting.pop(self._next_part, None)) is not None:
            ended += self._join(in_turn)
            self._next_part += 1
        return self._picks_of(ended)

    def finish(self) -> list[Pick]:
        """The picks of the shot that runs when the film ends, every part having been added."""
        return self._picks_of(self._finder.finish())

    @property
    def n_shots(self) -> int:
        """Complete ones found so far."""
        return len(self._shots)

    def last_shots(self, number: int) -> tuple[ShotStart, ...]:
        """The last `number` of them, or all, in order."""
        first = max(0, len(self._shots) - number)
        starts = enumerate(self._shots[first:], first)
        return tuple(ShotStart(scene=scene, start_s=round(self._times_s[shot.start], 3)) for scene, shot in starts)

    def scan(self) -> Scan:
        """All of it, after finish()."""
        return Scan(
            samples=self._samples(),
            shots=tuple(self._shots),
            failed=tuple(self._failed),
            n_frames=self._n_frames,
            end_s=self._end_s,
            counted_from_s=self._counted_from_s,
            readers=dict(self._readers),
            n_wanted=self._n_wanted,
            n_given=self._n_given,
            transitions=tuple(self._transitions),
            stages_s=dict(self._stages_s),
        )

    def _samples(self) -> Samples:
        return Samples(
            numbers=np.array(self._numbers, dtype=np.int64),
            frame_indices=np.array(self._frame_indices, dtype=np.int64),
            times_s=np.array(self._times_s, dtype=np.float64),
            features=self._features.array(),
            breaks=frozenset(position for position in self._breaks if position < len(self._numbers)),
        )

    def _picks_of(self, shots: list[Shot]) -> list[Pick]:
        if not shots:
            return []
        samples = self._samples()
        picks: list[Pick] = []
        for shot in shots:
            plan = self._planner.plan(samples, len(self._shots), shot)
            self._shots.append(shot)
            self._n_wanted += plan.n_wanted
            self._n_given += plan.n_given
            self._transitions += [_film_transition(each, samples, shot) for each in plan.transitions]
            picks += plan.picks
        return picks

    def _join(self, part: ScanPart) -> list[Shot]:
        """Appends the part; the shots that have ended with it."""
        offset = len(self._numbers)
        self._breaks |= {offset + position for position in part.breaks}
        features = part.features
        if len(features) and offset not in self._breaks and self._last is not None and part.first is not None:
            features = features.copy()
            set_change(features[:1], compare(self._last, part.first))
        self._numbers += part.numbers.tolist()
        self._frame_indices += part.frame_indices.tolist()
        self._times_s += part.times_s.tolist()
        self._features.append(features)
        for failed in part.failed:
            self._add_failed(failed)
        self._last = self._last if part.last is None else part.last
        self._n_frames += part.n_frames
        self._end_s = max(self._end_s, part.end_s)
        if self._counted_from_s is None:
            self._counted_from_s = part.counted_from_s
        self._readers |= part.readers
        self._stages_s.update(part.stages_s)
        return [
            shot
            for position, row in enumerate(features, offset)
            for shot in self._finder.add(self._frame_indices[position], row, is_break=position in self._breaks)
        ]

    def _add_failed(self, failed: FailedRange) -> None:
        if self._failed and failed.start_s <= self._failed[-1].end_s:
            before = self._failed.pop()
            longer = max(before, failed, key=lambda each: each.end_s - each.start_s)
            failed = FailedRange(start_s=before.start_s, end_s=failed.end_s, reason=longer.reason)
        self._failed.append(failed)


def _film_transition(found: Transition, samples: Samples, shot: Shot) -> FilmTransition:
    first, last = shot.start + found.start, shot.start + found.end - 1
    return FilmTransition(
        kind=found.kind.value,
        first_frame=int(samples.frame_indices[first]),
        last_frame=int(samples.frame_indices[last]),
        start_s=round(float(samples.times_s[first]), 5),
        end_s=round(float(samples.times_s[last]), 5),
    )
