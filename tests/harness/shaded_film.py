"""Draws shaded shapes on a chequered floor, with hard cuts at known frames, for films whose truth is known.

A shot's pictures depend on its number and the time alone, so equal arguments give equal films.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from framed.demo.film import shot_ranges

Rgb = NDArray[np.uint8]
"""uint8, (H, W, 3), RGB."""

_Plane = NDArray[np.float32]
_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class _Palette:
    sky_top: _Colour
    sky_low: _Colour
    floor: _Colour
    tile: _Colour
    shapes: tuple[_Colour, _Colour, _Colour]


# Light and dark take turns, and neighbours differ in hue too: every cut is one, by a wide margin, to any detector.
_PALETTES: Final = (
    _Palette(
        sky_top=(96, 170, 232),
        sky_low=(226, 240, 250),
        floor=(206, 196, 178),
        tile=(188, 174, 152),
        shapes=((232, 88, 64), (250, 190, 70), (64, 120, 200)),
    ),
    _Palette(
        sky_top=(26, 8, 44),
        sky_low=(92, 28, 74),
        floor=(44, 18, 52),
        tile=(58, 26, 64),
        shapes=((70, 200, 190), (230, 90, 150), (240, 210, 120)),
    ),
    _Palette(
        sky_top=(178, 226, 178),
        sky_low=(242, 250, 222),
        floor=(170, 206, 140),
        tile=(150, 190, 122),
        shapes=((150, 70, 160), (236, 120, 60), (70, 90, 170)),
    ),
    _Palette(
        sky_top=(8, 20, 52),
        sky_low=(22, 62, 104),
        floor=(14, 34, 66),
        tile=(20, 46, 84),
        shapes=((250, 150, 60), (120, 210, 250), (236, 236, 240)),
    ),
    _Palette(
        sky_top=(250, 200, 150),
        sky_low=(254, 238, 210),
        floor=(226, 176, 140),
        tile=(210, 156, 122),
        shapes=((60, 110, 150), (90, 160, 110), (170, 60, 80)),
    ),
    _Palette(
        sky_top=(4, 36, 30),
        sky_low=(16, 84, 62),
        floor=(10, 48, 40),
        tile=(16, 62, 52),
        shapes=((240, 90, 80), (250, 220, 110), (180, 140, 240)),
    ),
    _Palette(
        sky_top=(232, 196, 236),
        sky_low=(252, 238, 250),
        floor=(214, 184, 214),
        tile=(198, 164, 200),
        shapes=((40, 130, 130), (240, 170, 60), (110, 70, 160)),
    ),
    _Palette(
        sky_top=(48, 14, 8),
        sky_low=(120, 48, 22),
        floor=(60, 24, 16),
        tile=(76, 32, 22),
        shapes=((90, 190, 230), (250, 200, 90), (130, 220, 140)),
    ),
)

_HORIZON: Final = 0.6
"""Of the picture's height, from the top."""
_PAN: Final = 0.2
"""How much wider than the picture the background is, for the camera to move over."""
_LIGHT: Final = (-0.48, -0.62, 0.62)
"""Unit vector to the light: x to the right, y down, z towards the camera."""


@dataclass(frozen=True)
class _Shape:
    """A superellipsoid |x|^p + |y|^p + |z|^p = 1: a ball at p = 2, a pebble at p = 3, a soft cube at p = 4."""

    colour: _Colour
    power: int
    radius: float
    """Of the picture's height."""
    x: float
    """Centre of its path, of the picture's width."""
    sway: float
    """Half the path's length, of the picture's width."""
    hop: float
    """Height of its hops, of the picture's height."""
    pace_hz: float
    phase: float
    ground: float
    """Where it stands, of the picture's height; larger is nearer."""
    bands: int
    """Stripes around it; 0 for none."""


class Shot:
    """One camera position: a background and three moving shapes, all chosen by the shot's number."""

    def __init__(self, number: int, size: tuple[int, int]) -> None:
        """`size` is (width, height) in pixels."""
        self._width, self._height = size
        choice = np.random.default_rng(1000 + number)
        palette = _PALETTES[number % len(_PALETTES)]
        self._direction = 1 if number % 4 < 2 else -1
        self._background = _draw_background(palette, size)
        self._shapes = [
            _Shape(
                colour=colour,
                power=(2, 4, 3)[(number + i) % 3],
                radius=float(choice.uniform(0.09, 0.14)) * (1 + 0.35 * i),
                x=0.2 + 0.3 * ((i + number) % 3) + float(choice.uniform(-0.03, 0.03)),
                sway=float(choice.uniform(0.05, 0.14)),
                hop=float(choice.uniform(0.05, 0.2)),
                pace_hz=float(choice.uniform(0.25, 0.5)),
                phase=float(choice.uniform(0, math.tau)),
                ground=0.72 + 0.1 * i,
                bands=int(choice.integers(0, 3)) * 2,
            )
            for i, colour in enumerate(palette.shapes)
        ]

    def at(self, time_s: float) -> Rgb:
        """The picture `time_s` after the shot's first frame."""
        slack = self._background.shape[1] - self._width
        swing = 0.5 - 0.5 * math.cos(math.tau * 0.06 * time_s)
        left = round(slack * (swing if self._direction > 0 else 1 - swing))
        canvas = self._background[:, left : left + self._width].copy()
        for shape in self._shapes:
            self._draw(canvas, shape, time_s)
        return canvas

    def _draw(self, canvas: Rgb, shape: _Shape, time_s: float) -> None:
        turn = math.tau * shape.pace_hz * time_s + shape.phase
        hop = abs(math.sin(2 * turn)) * shape.hop
        radius = shape.radius * self._height
        x = (shape.x + shape.sway * math.sin(turn)) * self._width
        ground = shape.ground * self._height
        _cast_shadow(canvas, x + 0.5 * radius, ground, radius * (1 + hop), 0.5 * (1 - 2 * hop))
        centre = (x, ground - radius - hop * self._height)
        _draw_superellipsoid(canvas, shape, centre, radius=radius, turn=turn)


def _draw_background(palette: _Palette, size: tuple[int, int]) -> Rgb:
    """Sky and floor, wider than the picture by `_PAN`."""
    width, height = round(size[0] * (1 + _PAN)), size[1]
    horizon = max(1, round(height * _HORIZON))
    canvas = np.empty((height, width, 3), np.float32)

    def rgb(colour: _Colour) -> _Plane:
        return np.asarray(colour, np.float32)

    rise = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None] ** 1.5
    canvas[:horizon] = rgb(palette.sky_top) * (1 - rise) + rgb(palette.sky_low) * rise

    below = np.arange(1, height - horizon + 1, dtype=np.float32)[:, None] / height
    across = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / height
    tiles = np.sin(2.2 * across / below) * np.sin(1.6 / below)
    # Far tiles are finer than pixels and would flicker as the camera moves: they fade into the haze first.
    sharp = np.clip(below / 0.12, 0, 1) ** 2
    share = (0.5 + 0.5 * np.clip(tiles * 6 * below, -1, 1) * sharp)[..., None]
    floor = rgb(palette.floor) * (1 - share) + rgb(palette.tile) * share
    haze = np.exp(-below * 9)[..., None]
    canvas[horizon:] = floor * (1 - haze) + rgb(palette.sky_low) * haze
    return _to_bytes(canvas)


def _to_bytes(colours: _Plane) -> Rgb:
    return (np.minimum(colours, 255) + np.float32(0.5)).astype(np.uint8)


def _power(base: _Plane, exponent: int) -> _Plane:
    """Several times as fast as ** for whole exponents."""
    result = base
    for bit in f"{exponent:b}"[1:]:
        result = result * result * base if bit == "1" else result * result
    return result


def _window(canvas: Rgb, x: float, y: float, half_w: float, half_h: float) -> tuple[slice, slice] | None:
    """The part of the canvas around a point, or None when it lies outside."""
    height, width = canvas.shape[:2]
    left, right = max(0, math.floor(x - half_w)), min(width, math.ceil(x + half_w) + 1)
    top, bottom = max(0, math.floor(y - half_h)), min(height, math.ceil(y + half_h) + 1)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def _grid(rows: slice, columns: slice, x: float, y: float) -> tuple[_Plane, _Plane]:
    """Distances of a window's pixels from (x, y), as a row and a column that broadcast."""
    across = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(x)
    down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(y)
    return across, down


def _cast_shadow(canvas: Rgb, x: float, y: float, radius: float, depth: float) -> None:
    """Darkens a soft flat ellipse of the floor."""
    window = _window(canvas, x, y, 1.4 * radius, 0.4 * radius)
    if window is None:
        return
    across, down = _grid(*window, x, y)
    distance = np.square(across / (1.3 * radius)) + np.square(down / (0.36 * radius))
    shade = 1 - np.float32(depth) * np.square(np.maximum(1 - distance, 0))
    canvas[window] = _to_bytes(canvas[window] * shade[..., None])


def _draw_superellipsoid(
    canvas: Rgb, shape: _Shape, centre: tuple[float, float], *, radius: float, turn: float
) -> None:
    """Paints one lit shape over the canvas, with smooth edges, a highlight and turning stripes."""
    reach = radius * (1 if shape.power <= 2 else 1.25)
    x, y = centre
    window = _window(canvas, x, y, reach, reach)
    if window is None:
        return
    across, down = _grid(*window, x, y)
    lean = 0.3 * math.sin(turn) if shape.power > 2 else 0.0
    u = (across * math.cos(lean) + down * math.sin(lean)) / radius
    v = (down * math.cos(lean) - across * math.sin(lean)) / radius
    power = shape.power
    flat = _power(np.abs(u), power) + _power(np.abs(v), power)
    depth = np.maximum(1 - flat, 0) ** np.float32(1 / power)

    normal = [np.sign(axis) * _power(np.abs(axis), power - 1) for axis in (u, v, depth)]
    length = np.sqrt(sum(np.square(axis) for axis in normal)) + np.float32(1e-6)
    lit = np.maximum(_dot(normal, _LIGHT) / length, 0)
    # The half vector between the light and a camera straight ahead.
    half = np.add(_LIGHT, (0, 0, 1))
    gloss = _power(np.maximum(_dot(normal, half / np.linalg.norm(half)) / length, 0), 48)

    shade = np.float32(0.28) + np.float32(0.72) * lit
    if shape.bands:
        turned = shape.bands * (np.arctan2(u, depth + np.float32(0.2)) + v + np.float32(turn))
        shade *= np.float32(0.86) + np.float32(0.14) * np.sin(turned)
    colour = shade[..., None] * np.asarray(shape.colour, np.float32) + np.float32(190) * gloss[..., None]
    edge = (1 - flat ** np.float32(1 / power)) * np.float32(radius / 1.5)
    under = canvas[window].astype(np.float32)
    canvas[window] = _to_bytes(under + (np.minimum(colour, 255) - under) * np.clip(edge, 0, 1)[..., None])


def _dot(normal: Sequence[_Plane], direction: Sequence[float]) -> _Plane:
    across, down, depth = normal
    x, y, z = (np.float32(part) for part in direction)
    product: _Plane = across * x + down * y + depth * z
    return product


def draw_frames(size: tuple[int, int], fps: float, n_frames: int, cuts: Sequence[int]) -> Iterator[Rgb]:
    """All pictures of a film, in order. A new shot begins with each frame in `cuts`."""
    for number, frames in enumerate(shot_ranges(cuts, n_frames)):
        shot = Shot(number, size)
        for frame_index in frames:
            yield shot.at((frame_index - frames.start) / fps)
