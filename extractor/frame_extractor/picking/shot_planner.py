"""Shots and settings to picks: which frames of a shot, and of the intervals that begin in it, are wanted. Pure.

The stitch decides with it over the whole film. A worker guesses with it, and is right about every shot of which it sees
both ends: nothing outside a shot counts, but for the time of the sample before it.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from frame_extractor.contract.results import RejectReason
from frame_extractor.contract.settings import Dedupe, ExtractionSettings, Mode, Selection
from frame_extractor.features.samples import Samples
from frame_extractor.picking.distance import DISTINCT_FROM
from frame_extractor.picking.measures import ShotMeasures
from frame_extractor.picking.plan import Pick, grid_size, interval_begun, on_grid, shot_picks
from frame_extractor.picking.selection import LeftOut, Nearest, barred, nearest, select
from frame_extractor.picking.shots import Shot
from frame_extractor.picking.transitions import Transition, find_transitions

_JUST_BEFORE_S: Final = 0.001


@dataclass(frozen=True)
class ShotPlan:
    """What is wanted of one shot, and of the intervals that begin in it."""

    picks: tuple[Pick, ...]
    """By frame index, also those that are left out."""
    n_wanted: int = 0
    """Of the shot; those of intervals aside."""
    n_given: int = 0
    transitions: tuple[Transition, ...] = ()
    """At positions in the shot."""


@dataclass
class _Choice:
    """Frames of one shot, by their positions in it."""

    chosen: tuple[int, ...] = ()
    intervals: dict[int, int] = field(default_factory=dict)
    """Position -> interval that begins with it."""
    rejected: dict[int, LeftOut] = field(default_factory=dict)
    n_wanted: int = 0
    transitions: tuple[Transition, ...] = ()

    @property
    def kept(self) -> list[int]:
        """In order."""
        return sorted({*self.chosen, *(position for position in self.intervals if position not in self.rejected)})


class ShotPlanner:
    """Plans the shots of one film."""

    def __init__(
        self,
        settings: ExtractionSettings,
        *,
        picture_bytes: int,
        start_s: float = 0.0,
        removed: Collection[int] = (),
    ) -> None:
        """`picture_bytes`: size of a decoded picture. `start_s`: where in the film its first sample is looked for.
        `removed`: indices of the frames that a user has removed.
        """
        self._settings = settings
        self.grid_size: Final = grid_size(settings, picture_bytes)
        self._first_before_s = start_s - _JUST_BEFORE_S if start_s > 0 else None
        self._removed = frozenset(removed)

    def plan(self, samples: Samples, scene: int, shot: Shot) -> ShotPlan:
        """What is wanted of the shot, whose number is `scene`."""
        choice = self._chosen(samples, shot)
        if self._settings.mode is not Mode.SCENE:
            choice.intervals = self._intervals(samples, shot)
            if self._settings.mode is Mode.HYBRID:
                self._reject_intervals(choice, samples, shot)
        return ShotPlan(
            picks=tuple(_picks(choice, samples, scene, shot)),
            n_wanted=choice.n_wanted,
            n_given=len(choice.chosen),
            transitions=choice.transitions,
        )

    def _chosen(self, samples: Samples, shot: Shot) -> _Choice:
        """Of the shot itself."""
        settings = self._settings
        if settings.mode is Mode.INTERVAL:
            return _Choice()
        numbers = samples.numbers[shot.start : shot.end].tolist()
        if settings.selection is Selection.EVEN:
            positions = {number: position for position, number in enumerate(numbers)}
            chosen = tuple(positions[number] for number in shot_picks(numbers, settings.most_per_shot))
            return _Choice(chosen=chosen, n_wanted=len(chosen))
        features, times_s = samples.features[shot.start : shot.end], samples.times_s[shot.start : shot.end]
        transitions = find_transitions(times_s, features)
        selected = select(
            features,
            times_s,
            on_grid(numbers, self.grid_size),
            None if settings.frames_per_scene == "auto" else settings.frames_per_scene,
            in_transition=_positions_in(transitions),
            removed=self._positions_of_removed(samples, shot),
            at_most=settings.max_per_shot,
        )
        rejected = {each.position: each for each in selected.left_out}
        return _Choice(
            chosen=selected.chosen,
            rejected=rejected,
            n_wanted=len(selected.chosen) + len(rejected),
            transitions=transitions,
        )

    def _positions_of_removed(self, samples: Samples, shot: Shot) -> list[int]:
        if not self._removed:
            return []
        indices = samples.frame_indices[shot.start : shot.end].tolist()
        return [position for position, index in enumerate(indices) if index in self._removed]

    def _intervals(self, samples: Samples, shot: Shot) -> dict[int, int]:
        """Position -> interval, of the samples with which one begins."""
        found = {}
        for position, at in enumerate(range(shot.start, shot.end)):
            before_s = self._first_before_s if at == 0 else float(samples.times_s[at - 1])
            interval = interval_begun(before_s, float(samples.times_s[at]), self._settings.interval_seconds)
            if interval is not None:
                found[position] = interval
        return found

    def _reject_intervals(self, choice: _Choice, samples: Samples, shot: Shot) -> None:
        """Leaves out those that the shot's own frames make superfluous, one after the other."""
        features = samples.features[shot.start : shot.end]
        positions = [position for position in choice.intervals if position not in choice.chosen]
        reasons: Mapping[int, RejectReason] = {}
        if self._settings.selection is Selection.DISTINCT:
            in_transition = _positions_in(choice.transitions)
            reasons = barred(features, np.array(positions, dtype=np.int64), in_transition)
        removed = self._positions_of_removed(samples, shot)
        kept = list(choice.chosen)
        for position in positions:
            near, near_removed = nearest(features, position, kept), nearest(features, position, removed)
            if position in reasons:
                choice.rejected[position] = LeftOut(position, reasons[position], near)
            elif self._settings.dedupe is Dedupe.SHOT and _is_duplicate(near):
                choice.rejected[position] = LeftOut(position, RejectReason.NEAR_DUPLICATE, near)
            elif self._settings.dedupe is Dedupe.SHOT and position not in removed and _is_duplicate(near_removed):
                choice.rejected[position] = LeftOut(position, RejectReason.NEAR_REMOVED, near_removed)
            else:
                choice.rejected.pop(position, None)
                bisect.insort(kept, position)


def _is_duplicate(near: Nearest | None) -> bool:
    return near is not None and near.distance <= DISTINCT_FROM


def _positions_in(transitions: Collection[Transition]) -> set[int]:
    return {position for each in transitions for position in range(each.start, each.end)}


def _picks(choice: _Choice, samples: Samples, scene: int, shot: Shot) -> list[Pick]:
    """In order of frames."""
    places = {position: place for place, position in enumerate(choice.chosen)}
    wanted = sorted({*places, *choice.intervals, *choice.rejected})
    if not wanted:
        return []
    measures = ShotMeasures(samples.features[shot.start : shot.end], samples.times_s[shot.start : shot.end])
    indices = samples.frame_indices[shot.start : shot.end]
    kept = choice.kept
    picks = []
    for position in wanted:
        rejected = choice.rejected.get(position)
        is_of_shot = position in places or (rejected is not None and position not in choice.intervals)
        near = rejected.nearest if rejected is not None else None
        picks.append(
            Pick(
                frame_index=int(indices[position]),
                time_s=float(samples.times_s[shot.start + position]),
                scene=scene if is_of_shot else None,
                position=places.get(position),
                interval=choice.intervals.get(position),
                rejected=None if rejected is None else rejected.reason,
                near_frame_index=None if near is None else int(indices[near.position]),
                measures=measures.of(position, kept),
            )
        )
    return picks
