"""Draws and encodes the demo's film: flat shapes that move before a plain background, with hard cuts at known frames.

Equal arguments give equal films. Knows nothing of daemons and projects.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""uint8, (H, W, 3), RGB."""

# Background, ground, and three shapes. Light and dark alternate, so that every cut is clear to any detector.
_PALETTES: Final = (
    ((150, 205, 240), (205, 195, 175), ((232, 88, 64), (250, 190, 70), (64, 120, 200))),
    ((40, 14, 60), (60, 26, 66), ((70, 200, 190), (230, 90, 150), (240, 210, 120))),
    ((210, 240, 200), (165, 205, 135), ((150, 70, 160), (236, 120, 60), (70, 90, 170))),
    ((20, 40, 46), (14, 62, 60), ((250, 240, 220), (240, 150, 60), (90, 190, 230))),
    ((250, 225, 190), (225, 165, 130), ((60, 90, 150), (170, 50, 70), (40, 140, 110))),
    ((24, 24, 70), (44, 38, 96), ((250, 220, 90), (120, 220, 160), (240, 110, 110))),
)
_GROUND_FROM: Final = 0.7
_RADIUS: Final = 0.16
_SWING: Final = 0.06
"""How far a shape moves to each side; all three are fractions of the picture's height."""


def shot_ranges(cuts: Sequence[int], n_frames: int) -> list[range]:
    """The shots of a film of `n_frames` whose later shots begin at `cuts` (0-based, rising)."""
    edges = [0, *cuts, n_frames]
    if any(first >= then for first, then in itertools.pairwise(edges)):
        raise ValueError(f"cuts must rise and lie inside the film: {list(cuts)} of {n_frames} frames")
    return [range(first, then) for first, then in itertools.pairwise(edges)]


def draw_frames(size: tuple[int, int], fps: float, n_frames: int, cuts: Sequence[int]) -> Iterator[Rgb]:
    """All pictures of a film, in order. A new shot begins with each frame in `cuts`."""
    for shot, frames in enumerate(shot_ranges(cuts, n_frames)):
        for frame_index in frames:
            yield _picture(shot, (frame_index - frames.start) / fps, size)


def _picture(shot: int, time_s: float, size: tuple[int, int]) -> Rgb:
    width, height = size
    background, ground, shapes = _PALETTES[shot % len(_PALETTES)]
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = background
    canvas[int(height * _GROUND_FROM) :] = ground
    radius = height * _RADIUS
    for number, colour in enumerate(shapes):
        phase = 1.7 * number + shot
        centre_x = width * (number + 1) / 4 + height * _SWING * math.sin(2.3 * time_s + phase)
        centre_y = height / 2 + height * _SWING * math.cos(1.9 * time_s + phase)
        left, top = int(centre_x - radius), int(centre_y - radius)
        part = canvas[top : top + int(2 * radius) + 3, left : left + int(2 * radius) + 3]
        down = np.abs(np.arange(part.shape[0])[:, None] + top - centre_y)
        across = np.abs(np.arange(part.shape[1]) + left - centre_x)
        # Circles and squares take turns. The edge is one pixel of both colours, so that the slowest motion shows.
        distance = np.hypot(across, down) if (number + shot) % 2 else np.maximum(across, down)
        cover = np.clip(radius - distance + 0.5, 0, 1)[..., None]
        part[:] = (part + cover * (np.array(colour) - part)).round()
    return canvas


def write_film(
    path: Path,
    *,
    size: tuple[int, int],
    fps: int,
    n_frames: int,
    cuts: Sequence[int],
    report: Callable[[int], None] = lambda _: None,
) -> None:
    """Writes an H.264 film in the container of `path`'s suffix; `report` is called after every frame, from 1.

    Raises OSError (also FFmpeg's) when it cannot be written.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for frame_index, rgb in enumerate(draw_frames(size, fps, n_frames, cuts)):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts = frame_index
            container.mux(stream.encode(picture))
            report(frame_index + 1)
        container.mux(stream.encode(None))
