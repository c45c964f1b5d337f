"""What each detector finds in a film that has been measured."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.accuracy.truth import SeenFilm
from frame_extractor.features.samples import Samples
from frame_extractor.picking.detectors.adaptive import AdaptiveDetector
from frame_extractor.picking.detectors.content import ContentDetector
from frame_extractor.picking.detectors.detector import Detector
from frame_extractor.picking.detectors.peak import PeakDetector
from frame_extractor.picking.transitions import find_transitions

DETECTORS: Final[Mapping[str, Callable[[], Detector]]] = {
    "peak": lambda: PeakDetector(5),
    "content": lambda: ContentDetector(30.0, 15, follows_break=False),
    "adaptive": lambda: AdaptiveDetector(15),
}
"""With the settings that a request has which sets none."""


def cuts_of(detector: Detector, samples: Samples) -> list[int]:
    """First frames of all shots but the first, of a film without breaks."""
    assert not samples.breaks
    rows = zip(samples.frame_indices.tolist(), samples.features, strict=True)
    found = [cut for frame, row in rows for cut in detector.add(frame, row)]
    return found + detector.finish()


@dataclass(frozen=True)
class FoundTransitions:
    """How those found compare with those seen."""

    seen: int
    touched: int
    """Of those seen: picks stay out of at least one frame."""
    frames_kept_out: int
    """Samples in those seen from which nothing is picked."""
    frames_seen: int
    false: int
    """Found where none was seen."""
    false_frames: int
    samples: int


def compare_transitions(samples: Samples, cuts: list[int], seen: SeenFilm) -> FoundTransitions:
    """Inside the shots that these cuts make."""
    frames = samples.frame_indices.tolist()
    edges = [0, *(frames.index(cut) for cut in cuts), len(frames)]
    found: list[list[int]] = []
    for start, end in itertools.pairwise(edges):
        transitions = find_transitions(samples.times_s[start:end], samples.features[start:end])
        found += [frames[start + each.start : start + each.end] for each in transitions]
    kept_out = {frame for each in found for frame in each}
    inside = {frame for frame in frames if any(each.start <= frame <= each.end for each in seen.transitions)}
    false = [each for each in found if inside.isdisjoint(each)]
    return FoundTransitions(
        seen=len(seen.transitions),
        touched=sum(any(each.start <= frame <= each.end for frame in kept_out) for each in seen.transitions),
        frames_kept_out=len(inside & kept_out),
        frames_seen=len(inside),
        false=len(false),
        false_frames=sum(len(each) for each in false),
        samples=len(frames),
    )
