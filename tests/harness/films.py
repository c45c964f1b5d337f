"""Films whose every frame says which one it is: its index is in its pixels, as a barcode that survives encoding."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from frame_extractor.reading.film import Rgb
from tests.harness.shaded_film import draw_frames

BITS: Final = 12
BARCODE_HEIGHT: Final = 32
"""Rows at the top of the picture, in pixels."""
TICKS: Final = 90_000
"""Of a second: encoders are given times in the time base of MPEG transport streams."""

QUIET: Final = {"libx265": {"x265-params": "log-level=none"}}


@dataclass(frozen=True)
class FilmPlan:
    """What a test film is to be."""

    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (320, 192)
    fps: int = 24
    n_frames: int = 96
    cuts: tuple[int, ...] = (40,)
    is_vfr: bool = False
    """Every third frame stays for twice as long."""
    start_s: float = 0.0
    pix_fmt: str = "yuv420p"

    @property
    def times_s(self) -> list[float]:
        """Of each frame, since the first."""
        steps = [2 if self.is_vfr and index % 3 == 2 else 1 for index in range(self.n_frames)]
        starts = np.concatenate([[0], np.cumsum(steps)[:-1]])
        return [float(start / self.fps) for start in starts]


def write_film(path: Path, plan: FilmPlan) -> Path:
    """The film is at `path`, in the container of its suffix."""
    with av.open(str(path), "w", options=container_options(path)) as container:
        options = {**QUIET.get(plan.codec, {}), **plan.options}
        stream = container.add_stream(plan.codec, rate=plan.fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = plan.size
        stream.pix_fmt = plan.pix_fmt
        # Old encoders know frame rates only.
        ticks = TICKS if plan.is_vfr else plan.fps
        stream.codec_context.time_base = Fraction(1, ticks)
        for rgb, time_s in zip(drawn_frames(plan), plan.times_s, strict=True):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts = round((plan.start_s + time_s) * ticks)
            picture.time_base = Fraction(1, ticks)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def drawn_frames(plan: FilmPlan) -> list[Rgb]:
    """The film's pictures, in order."""
    return _drawn(plan.size, plan.fps, plan.n_frames, plan.cuts)


@functools.lru_cache(maxsize=4)
def _drawn(size: tuple[int, int], fps: int, n_frames: int, cuts: tuple[int, ...]) -> list[Rgb]:
    """Drawing costs more than encoding, and most films of the tests show the same."""
    return [with_barcode(rgb, index) for index, rgb in enumerate(draw_frames(size, fps, n_frames, cuts))]


def container_options(path: Path) -> dict[str, str]:
    """For the muxer."""
    # The muxer would shift a start that is not 0 back to it.
    return {"avoid_negative_ts": "disabled"} if path.suffix in {".mkv", ".mp4", ".mov", ".ts", ".m2ts"} else {}


def with_barcode(picture: Rgb, index: int) -> Rgb:
    """The picture with its index in black and white blocks across its top, the highest bit first."""
    picture = picture.copy()
    edges = np.linspace(0, picture.shape[1], BITS + 1).astype(int)
    for bit in range(BITS):
        is_set = index >> (BITS - 1 - bit) & 1
        picture[:BARCODE_HEIGHT, edges[bit] : edges[bit + 1]] = 235 if is_set else 16
    return picture


def read_barcode(picture: Rgb) -> int:
    """The index in the picture's barcode; of a picture of any size that was encoded with one."""
    height, width = picture.shape[:2]
    rows = slice(max(1, height // 32), max(2, height // 10))
    edges = np.linspace(0, width, BITS + 1)
    index = 0
    for bit in range(BITS):
        inset = (edges[bit + 1] - edges[bit]) / 4
        block = picture[rows, int(edges[bit] + inset) : int(edges[bit + 1] - inset)]
        index = index << 1 | int(block.mean() > 128)
    return index
