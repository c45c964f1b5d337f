"""Draws films as an editor makes them, with what makes detection hard, for films whose truth is known.

Shots of `shaded_film` are joined by hard cuts, dissolves, fades and irises; inside them are flashes, whip pans, camera
shake, objects that pass in front, and darkness with sensor noise. Equal edits give equal films.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from tests.harness.shaded_film import Rgb, Shot

SIZE: Final = (320, 180)
FPS: Final = 24
ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
"""In one thread: with more, the encoder's result depends on how many there are."""


class Join(enum.Enum):
    """How one clip becomes the next."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"
    """Out to black and in again, half of the frames each."""
    WHITE = "white"
    """A hard cut with white frames in between, which belong to the new shot."""
    IRIS = "iris"
    """A circle closes on the old shot and opens on the new one, half of the frames each."""


class Trap(enum.Enum):
    """What happens in a shot and is no cut."""

    FLASH = "flash"
    """White for one frame."""
    LIGHTNING = "lightning"
    """Two white flashes, three frames apart, that fade away."""
    BLACKOUT = "blackout"
    """Black for two frames."""
    WHIP_PAN = "whip pan"
    """The camera swings to another place in seven frames."""
    SHAKE = "shake"
    """The camera shakes for twelve frames."""
    PASSER = "passer"
    """A large dark object passes close to the camera."""
    DARK = "dark"
    """Night: nearly black, with sensor noise, for the whole clip."""
    LAMP = "lamp"
    """The light is switched on, in a dark room."""
    EXPLOSION = "explosion"
    """The picture turns white within the first eight frames of the clip, and back again."""


@dataclass(frozen=True)
class Clip:
    """Frames of one shot, and how they end.

    The `join_frames` of a fade or an iris are taken from the clips on both sides; those of a dissolve, and white ones,
    are added between them.
    """

    shot: int
    n_frames: int
    join: Join = Join.CUT
    join_frames: int = 0
    trap: Trap | None = None


def reel(first_shot: int) -> tuple[Clip, ...]:
    """A film of 48 s with everything in it; of other shots for each multiple of 100.

    Shots 8 apart have the same colours: cuts between them are hard to see.
    """
    clips = (
        Clip(0, 40),
        Clip(8, 36),
        Clip(3, 9),
        Clip(5, 9),
        Clip(1, 30, Join.DISSOLVE, 24),
        Clip(2, 40, Join.FADE, 24),
        Clip(4, 40, trap=Trap.FLASH),
        Clip(6, 40, trap=Trap.LIGHTNING),
        Clip(7, 40, trap=Trap.WHIP_PAN),
        Clip(9, 30, Join.FADE, 10),
        Clip(10, 40, Join.IRIS, 16),
        Clip(11, 40, trap=Trap.SHAKE),
        Clip(12, 40, trap=Trap.PASSER),
        Clip(13, 48, trap=Trap.DARK),
        Clip(21, 30, trap=Trap.DARK),
        Clip(14, 40, Join.DISSOLVE, 10),
        Clip(15, 40, trap=Trap.BLACKOUT),
        Clip(16, 30),
        Clip(24, 30),
        Clip(17, 40, trap=Trap.LAMP),
        Clip(18, 40, Join.DISSOLVE, 46),
        Clip(19, 50, Join.IRIS, 8),
        Clip(20, 30),
        Clip(22, 6),
        Clip(23, 7),
        Clip(25, 40, Join.FADE, 6),
        Clip(26, 30, Join.WHITE, 1),
        Clip(28, 30, Join.WHITE, 1),
        Clip(29, 30),
        Clip(31, 40, trap=Trap.EXPLOSION),
        Clip(30, 30),
    )
    return tuple(replace(clip, shot=first_shot + clip.shot) for clip in clips)


@dataclass(frozen=True)
class Transition:
    """Frames [first, last] show two shots, or a shot and black."""

    kind: Join
    first: int
    last: int


@dataclass(frozen=True)
class Truth:
    """What is in a film, by frame index."""

    n_frames: int
    cuts: tuple[int, ...]
    """First frames of new shots, where they follow a hard cut."""
    transitions: tuple[Transition, ...]
    traps: tuple[tuple[Trap, int, int], ...]
    """Kind, first and last frame of the clip."""


def truth_of(clips: Sequence[Clip]) -> Truth:
    """Of the film that `edited_frames` makes of these clips. The last clip's join does not count."""
    cuts: list[int] = []
    transitions: list[Transition] = []
    traps: list[tuple[Trap, int, int]] = []
    at = 0
    for nth, clip in enumerate(clips):
        if clip.trap is not None:
            traps.append((clip.trap, at, at + clip.n_frames - 1))
        at += clip.n_frames
        if nth == len(clips) - 1:
            break
        if clip.join in (Join.CUT, Join.WHITE):
            cuts.append(at)
            at += clip.join_frames
        elif clip.join is Join.DISSOLVE:
            transitions.append(Transition(clip.join, at, at + clip.join_frames - 1))
            at += clip.join_frames
        else:
            transitions.append(Transition(clip.join, at - clip.join_frames // 2, at + clip.join_frames // 2 - 1))
    return Truth(at, tuple(cuts), tuple(transitions), tuple(traps))


def edited_frames(clips: Sequence[Clip]) -> Iterator[Rgb]:
    """The film's pictures, in order."""
    opening = 0
    """Frames at the beginning of a clip that the join before it changes."""
    for nth, clip in enumerate(clips):
        scene = _Scene(clip)
        is_last = nth == len(clips) - 1
        half = clip.join_frames // 2
        closes = not is_last and clip.join in (Join.FADE, Join.IRIS)
        for frame in range(clip.n_frames):
            picture = scene.at(frame)
            if frame < opening:
                picture = _shut(clips[nth - 1].join, picture, 1 - (frame + 1) / (opening + 1))
            if closes and frame >= clip.n_frames - half:
                picture = _shut(clip.join, picture, (frame - (clip.n_frames - half) + 1) / (half + 1))
            yield picture
        opening = half if closes else 0
        if not is_last and clip.join is Join.WHITE:
            yield from [np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)] * clip.join_frames
        if not is_last and clip.join is Join.DISSOLVE:
            old, new = Shot(clip.shot, SIZE), Shot(clips[nth + 1].shot, SIZE)
            for frame in range(clip.join_frames):
                share = (frame + 1) / (clip.join_frames + 1)
                before = old.at((clip.n_frames + frame) / FPS)
                after = new.at((frame - clip.join_frames) / FPS)
                yield cv2.addWeighted(before, 1 - share, after, share, 0).astype(np.uint8)


def write_edited_film(path: Path, clips: Sequence[Clip], options: dict[str, str] | None = None) -> Truth:
    """Writes the film to `path` in H.264 and returns its truth."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options or ENCODING)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index, rgb in enumerate(edited_frames(clips)):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return truth_of(clips)


def _shut(join: Join, picture: Rgb, share: float) -> Rgb:
    """`share` of the way to black."""
    if join is Join.FADE:
        return np.asarray(picture * np.float32(1 - share), np.uint8)
    width, height = SIZE
    mask = np.zeros((height, width), np.uint8)
    radius = round((1 - share) * np.hypot(width, height) / 2)
    cv2.circle(mask, (width // 2, height // 2), radius, 255, -1, cv2.LINE_AA)
    return np.asarray(picture * (mask[..., None] / np.float32(255)), np.uint8)


class _Scene:
    """A clip's shot with what happens in it, around its middle."""

    def __init__(self, clip: Clip) -> None:
        self._shot = Shot(clip.shot, SIZE)
        self._elsewhere = (Shot(clip.shot + 2, SIZE), Shot(clip.shot + 4, SIZE))
        self._middle = clip.n_frames // 2
        self._trap = clip.trap

    def at(self, frame: int) -> Rgb:
        plain = self._shot.at(frame / FPS)
        if self._trap is None:
            return plain
        return np.asarray(_TRAPS[self._trap](self, plain, frame, frame - self._middle), np.uint8)

    def flash(self, plain: Rgb, _frame: int, since: int) -> Rgb:
        return _brighter(plain, 1.0 if since == 0 else 0.0)

    def lightning(self, plain: Rgb, _frame: int, since: int) -> Rgb:
        return _brighter(plain, {0: 0.8, 1: 0.3, 3: 1.0, 4: 0.5, 5: 0.2}.get(since, 0.0))

    def blackout(self, plain: Rgb, _frame: int, since: int) -> Rgb:
        return np.zeros_like(plain) if since in (0, 1) else plain

    def whip_pan(self, plain: Rgb, frame: int, since: int) -> Rgb:
        between, there = self._elsewhere
        wide = np.hstack([plain, between.at(0), there.at(frame / FPS)])
        gone = min(max(since / 7, 0), 1)
        left = round(2 * SIZE[0] * (3 * gone**2 - 2 * gone**3))
        seen = wide[:, left : left + SIZE[0]]
        return np.asarray(cv2.blur(seen, (61, 1)) if 0 < gone < 1 else seen, np.uint8)

    def shake(self, plain: Rgb, frame: int, since: int) -> Rgb:
        moved = np.random.default_rng(frame).integers(-24, 25, 2)
        return np.roll(plain, moved, (0, 1)) if 0 <= since < 12 else plain

    def passer(self, plain: Rgb, _frame: int, since: int) -> Rgb:
        front = round(since * SIZE[0] / 5)
        plain[:, max(0, front - SIZE[0]) : max(0, front)] //= 6
        return plain

    def dark(self, plain: Rgb, frame: int, _since: int) -> Rgb:
        noise = np.random.default_rng(frame).normal(0, 4, plain.shape)
        return np.asarray(np.clip(plain * 0.05 + noise, 0, 255), np.uint8)

    def lamp(self, plain: Rgb, _frame: int, since: int) -> Rgb:
        return np.asarray(plain * np.float32(0.15 if since < 0 else 1), np.uint8)

    def explosion(self, plain: Rgb, frame: int, _since: int) -> Rgb:
        glow = frame / 8 if frame < 8 else max(1 - (frame - 8) / 16, 0)
        return np.asarray(plain + (255 - plain) * np.float32(0.9 * glow), np.uint8)


def _brighter(picture: Rgb, light: float) -> Rgb:
    return np.asarray(np.minimum(picture * np.float32(1 + light) + 200 * light, 255), np.uint8)


_TRAPS: Final[Mapping[Trap, Callable[[_Scene, Rgb, int, int], Rgb]]] = {
    Trap.FLASH: _Scene.flash,
    Trap.LIGHTNING: _Scene.lightning,
    Trap.BLACKOUT: _Scene.blackout,
    Trap.WHIP_PAN: _Scene.whip_pan,
    Trap.SHAKE: _Scene.shake,
    Trap.PASSER: _Scene.passer,
    Trap.DARK: _Scene.dark,
    Trap.LAMP: _Scene.lamp,
    Trap.EXPLOSION: _Scene.explosion,
}
"""Scene, its picture without the trap, frame, and frames since the clip's middle, to the picture."""
