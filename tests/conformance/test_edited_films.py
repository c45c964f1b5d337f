"""What is found in films whose cuts, transitions and traps are known: encoded, decoded, measured and judged."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from frame_extractor.contract.settings import Sampling
from frame_extractor.features.samples import Samples
from frame_extractor.picking.detectors.peak import PeakDetector
from frame_extractor.picking.transitions import find_transitions
from tests.harness.edited_film import Trap, Truth, reel, write_edited_film
from tests.harness.measured_film import measured_film

TOLERANCE = 2
"""Frames between a cut and where it is found: samples may be two frames apart."""


@dataclass(frozen=True)
class Judged:
    """A film, and what is found in it."""

    truth: Truth
    samples: Samples
    cuts: list[int]
    transitions: list[tuple[int, int]]
    """First and last frame."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    path = tmp_path_factory.mktemp("edited") / "reel.mp4"
    return path, write_edited_film(path, reel(0))


@pytest.fixture(scope="module", params=list(Sampling), ids=lambda sampling: sampling.value)
def judged(film: tuple[Path, Truth], request: pytest.FixtureRequest) -> Judged:
    path, truth = film
    samples = measured_film(path, request.param)
    frames = samples.frame_indices.tolist()
    detector = PeakDetector(5)
    cuts = [cut for frame, row in zip(frames, samples.features, strict=True) for cut in detector.add(frame, row)]
    cuts += detector.finish()
    transitions: list[tuple[int, int]] = []
    edges = [0, *(frames.index(cut) for cut in cuts), len(frames)]
    for start, end in itertools.pairwise(edges):
        found = find_transitions(samples.times_s[start:end], samples.features[start:end])
        transitions += [(frames[start + each.start], frames[start + each.end - 1]) for each in found]
    return Judged(truth, samples, cuts, transitions)


def test_sampling_by_reference_leaves_frames_out(film: tuple[Path, Truth]) -> None:
    """Or both samplings would be the same test."""
    path, truth = film
    assert len(measured_film(path, Sampling.REFERENCE)) < 0.75 * truth.n_frames


def test_every_cut_that_can_be_seen_is_found(judged: Judged) -> None:
    """All but the one between two nights; also those between very short shots, and between shots of equal colours."""
    nights = [first for trap, first, _ in judged.truth.traps if trap is Trap.DARK]
    missed = [cut for cut in judged.truth.cuts if not any(abs(cut - found) <= TOLERANCE for found in judged.cuts)]
    assert missed in ([], nights[1:])


def test_nothing_else_is_taken_for_a_cut(judged: Judged) -> None:
    """No flash, whip pan, shake, passer, lamp or noise, and no step of a fade, a dissolve or an iris."""
    assert [found for found in judged.cuts if not any(abs(cut - found) <= TOLERANCE for cut in judged.truth.cuts)] == []


def test_every_transition_is_found_and_nothing_else(judged: Judged) -> None:
    """At least in part; and picks stay out of no other frames, but of those where a picture turns white."""
    truth = [(each.first, each.last) for each in judged.truth.transitions]
    assert [each for each in truth if not any(meet(each, found) for found in judged.transitions)] == []
    truth += [(first, last) for trap, first, last in judged.truth.traps if trap is Trap.EXPLOSION]
    assert [found for found in judged.transitions if not any(meet(each, found) for each in truth)] == []


def test_most_frames_of_transitions_are_kept_out(judged: Judged) -> None:
    """Those near either end show one shot well enough."""
    inside = [
        frame
        for frame in judged.samples.frame_indices.tolist()
        if any(each.first <= frame <= each.last for each in judged.truth.transitions)
    ]
    kept_out = [frame for frame in inside if any(first <= frame <= last for first, last in judged.transitions)]
    assert len(kept_out) > 0.6 * len(inside)


def meet(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two closed ranges have a frame in common."""
    return a[0] <= b[1] and b[0] <= a[1]
