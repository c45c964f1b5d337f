"""The small picture of a frame, from which all of its features come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from frame_extractor.reading.film import Rgb

SMALL_WIDTH = 256
"""Features come from pictures this wide, as PySceneDetect's scores do by default."""

Hsv = npt.NDArray[np.uint8]
"""uint8, (h, w, 3); hue 0-179, saturation and value 0-255."""
Grey = npt.NDArray[np.uint8]
"""uint8, (h, w); luma by BT.601."""


@dataclass(frozen=True, eq=False)
class SmallPicture:
    """A frame at most SMALL_WIDTH wide; its other colour models are made once, when they are asked for."""

    rgb: Rgb

    @cached_property
    def hsv(self) -> Hsv:
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2HSV), dtype=np.uint8)

    @cached_property
    def grey(self) -> Grey:
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def small_picture(picture: Rgb) -> SmallPicture:
    """The frame, made small. It shares no memory with `picture`, which may be large or belong to a decoder."""
    height, width = picture.shape[:2]
    if width <= SMALL_WIDTH:
        return SmallPicture(picture.copy())
    size = (SMALL_WIDTH, max(1, round(height / (width / SMALL_WIDTH))))
    return SmallPicture(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8))
