"""How pairs are drawn for somebody to judge, and contents counted."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.contents import ContentsKept, contents_kept
from benchmarks.accuracy.pairs import drawn, duplicate_share, neighbours, read_labels


def test_pairs_are_neighbours_of_one_shot() -> None:
    """A cut between two images makes them distinct, which nobody need look at."""
    assert neighbours([0, 10, 20, 30], [15]) == [(0, 10), (20, 30)]


def test_a_seed_draws_the_same_pairs_again() -> None:
    """Whoever repeats the judgement looks at the same pairs."""
    pairs = [(nth, nth + 1) for nth in range(500)]
    assert drawn(pairs, 20, 13) == drawn(pairs, 20, 13) != drawn(pairs, 20, 14)


def test_every_pair_has_been_judged() -> None:
    """At least 200, each as a duplicate or not."""
    labels = read_labels()
    assert len(labels) >= 200
    assert all(label.is_duplicate is not None and label.a < label.b for label in labels)
    assert 0 <= duplicate_share(labels) < 1


def test_contents_are_counted_by_shot() -> None:
    """Equal pictures in two shots are two contents; a bad image counts for nothing."""
    rng = np.random.default_rng(3)
    one, other = rng.random(64) > 0.5, rng.random(64) > 0.5
    before = {0: one, 5: one, 8: other, 30: one, 35: other}
    after = {2: one, 31: one}
    assert contents_kept(before, after, {35}, [20]) == ContentsKept(before=3, after=2, covered=2)
