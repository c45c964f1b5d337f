"""What FFmpeg attaches to a decoded picture beside its pixels, as far as it is needed here."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type


def _unnamed(kinds: type[Type], number: Any) -> Type:
    """A kind of side data that this PyAV has no name for, though its FFmpeg has: spatial video's, say.

    Without it PyAV cannot list the side data of a picture that has any of that kind.
    """
    kind: Type = object.__new__(kinds)  # Its own `__new__` looks for the number.
    kind._name_ = f"UNNAMED_{number}"
    kind._value_ = number
    return kind


Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment, method-assign]


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """Its nine numbers, 16.16 fixed point (libavutil/display.h); None when the picture has none."""
    side_data: Any = frame.side_data  # PyAV's stubs take it for a mapping by name.
    matrix = side_data.get(Type.DISPLAYMATRIX)
    return None if matrix is None else tuple(int(value) for value in np.frombuffer(matrix, dtype="=i4"))
