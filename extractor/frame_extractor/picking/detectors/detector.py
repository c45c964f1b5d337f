"""What all detectors have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Detector(Protocol):
    """Finds the cuts of a stretch of film without breaks, from the features of its samples, one after the other.

    A cut is given as the frame index of the first sample of the new shot. It is given once, and as soon as no sample
    that may follow can change it: which is some samples later.
    """

    def add(self, frame_index: int, features: np.void) -> list[int]:
        """Takes the next sample, whose features are a row of FEATURES; the cuts that are certain now, in order."""

    def finish(self) -> list[int]:
        """The stretch has ended: the cuts that are certain by that, in order."""
