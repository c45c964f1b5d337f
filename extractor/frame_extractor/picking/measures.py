"""What is recorded of a frame beside its image: how sharp, how calm and how bright it is, and how distinct. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from frame_extractor.features.sample import Features
from frame_extractor.picking.distance import motion
from frame_extractor.picking.selection import nearest


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one frame of a shot."""

    sharpness: float
    """Gradient energy, as a multiple of the median of its shot."""
    motion: float
    """The smaller distance to the sample before and after it, for 1/24 s between them."""
    luma: int
    """Mean, 0 to 255."""
    distance: float | None = None
    """To the nearest other image of its shot; None where it has no other."""


class ShotMeasures:
    """Measures of one shot's samples, by their positions in the shot."""

    def __init__(self, features: Features, times_s: npt.NDArray[np.float64]) -> None:
        self._features = features
        self._motions = motion(features, times_s)
        self._median_sharpness = float(np.median(features["sharpness"]))

    def of(self, position: int, kept: Sequence[int]) -> Measures:
        """`kept`: the shot's frames that become images, in order."""
        found = nearest(self._features, position, kept)
        sharpness = float(self._features["sharpness"][position]) / max(self._median_sharpness, 1.0)
        return Measures(
            sharpness=round(sharpness, 2),
            motion=round(float(self._motions[position]), 2),
            luma=int(self._features["luma_mean"][position]),
            distance=None if found is None else round(found.distance, 2),
        )
