"""The samples of a film or of a stretch of it, and their features, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frame_extractor.features.sample import FEATURES, Features


@dataclass(frozen=True)
class Samples:
    """Frames that were decoded and measured, in presentation order. All arrays have one length."""

    numbers: npt.NDArray[np.int64]
    """Sample numbers, counted from the start of the film; strictly increasing. What did not decode leaves a gap."""
    frame_indices: npt.NDArray[np.int64]
    """Strictly increasing."""
    times_s: npt.NDArray[np.float64]
    features: Features
    breaks: frozenset[int]
    """Positions in the arrays before which film is missing: what could not be decoded ends the running shot."""

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Content score against the sample before; 0 for the first of the film and after a break."""
        return np.asarray(self.features["score"])


class FeatureList:
    """Features that samples are appended to, without copying all of them each time."""

    def __init__(self) -> None:
        self._rows = np.zeros(256, dtype=FEATURES)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: Features) -> None:
        """Takes one row or more."""
        while self._length + len(rows) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._length : self._length + len(rows)] = rows
        self._length += len(rows)

    def array(self) -> Features:
        """All so far, read only; it stays as it is when more are appended."""
        rows = self._rows[: self._length]
        rows.flags.writeable = False
        return rows
