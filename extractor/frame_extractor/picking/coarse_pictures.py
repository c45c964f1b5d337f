"""What detectors and the search for transitions ask of the coarse pictures among the features. Pure, in integers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Colours = npt.NDArray[np.int64]
"""A coarse picture for computing: int64, (tiles x 3,), RGB."""

DARK_TILE: Final = 24
"""Each channel of a tile that is nearly black is below this."""
MIN_DARK_PERCENT: Final = 60
"""Of the tiles of a picture that counts as black: a title or a small lit circle may be in it."""


def is_black(picture: Colours) -> bool:
    """Whether most of it is nearly black."""
    brightest = picture.reshape(-1, 3).max(axis=1)
    return bool(100 * (brightest < DARK_TILE).sum() >= MIN_DARK_PERCENT * len(brightest))
