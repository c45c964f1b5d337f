"""What a film is before any of it is extracted: its picture stream, size, times, orientation.

Opens and inspects; reads no further than the first pictures. `demux.py` reads all of it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.stream import Disposition
from av.video.reformatter import Colorspace

from frame_extractor.contract.answers import Probe
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.errors import NotAFilm
from frame_extractor.reading import mp4_index
from frame_extractor.reading.film_file import FilmFile, demuxed
from frame_extractor.reading.side_data import display_matrix

Rgb = npt.NDArray[np.uint8]
"""One picture: uint8, (H, W, 3), RGB, upright."""

NOT_MOVING = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails

WITHOUT_TIMES = frozenset({"avi"})
"""Containers that store no presentation times; what their demuxer gives instead is unreliable."""

UNTAGGED = 2
"""AVCOL_SPC_UNSPECIFIED."""
HD_LINES = 720
"""From this many coded lines on, an untagged stream counts as BT.709, below as BT.601."""


@dataclass(frozen=True)
class Orientation:
    """How decoded pictures must be turned to be upright: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, picture: Rgb) -> Rgb:
        """The upright picture, contiguous; the same array when nothing is to be done."""
        if self == UPRIGHT:
            return picture
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        if self.mirror_x:
            picture = picture[:, ::-1]
        if self.mirror_y:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


UPRIGHT = Orientation()


@dataclass(frozen=True)
class Film:
    """One film's picture stream, as its container and its first picture describe it."""

    path: Path
    container: str
    codec: str
    stream_index: int
    coded_width: int
    coded_height: int
    orientation: Orientation
    fps: float
    """Average; 0 when unknown."""
    duration_s: float
    """What the container says; an estimate. 0 when it says nothing."""
    stated_frames: int
    """What the container says; 0 when it says nothing."""

    @property
    def width(self) -> int:
        """Of the upright picture, in stored pixels (no aspect ratio applied)."""
        return self.coded_height if self.orientation.transpose else self.coded_width

    @property
    def height(self) -> int:
        return self.coded_width if self.orientation.transpose else self.coded_height

    @property
    def picture_bytes(self) -> int:
        """Of a decoded picture."""
        return 3 * self.coded_width * self.coded_height

    @property
    def has_times(self) -> bool:
        """Whether its packets say when they are shown, and not only when they are decoded."""
        return not WITHOUT_TIMES & set(self.container.split(","))

    @property
    def untagged_colorspace(self) -> Colorspace:
        """The colour matrix of this film's pictures where they do not name one."""
        return Colorspace.ITU709 if self.coded_height >= HD_LINES else Colorspace.ITU601


@contextlib.contextmanager
def open_container(
    path: str | os.PathLike[str], options: Mapping[str, str] | None = None
) -> Iterator[av.container.InputContainer]:
    """The opened film, `options` being FFmpeg's.

    Raises NotAFilm when no container format fits, OSError when it cannot be read.
    """
    with contextlib.closing(FilmFile(path)) as file, _opened(file, options) as container:
        yield container


def _opened(file: FilmFile, options: Mapping[str, str] | None) -> av.container.InputContainer:
    try:
        with file.search():
            container = av.open(file, "r", metadata_errors="replace", io_open=file, options=dict(options or {}))
    except av.error.FFmpegError as failure:
        if isinstance(failure, OSError):
            raise OSError(failure.errno, failure.strerror, file.name) from None
        raise NotAFilm(file.name, _why_not_opened(file.name)) from None
    file.has_given_up = False  # It was searching for an index, at the end of an AVI, say, and works without.
    return container


def _why_not_opened(path: str | os.PathLike[str]) -> str:
    size = os.stat(path).st_size
    if size == 0:
        return "the file is empty; copy or download it again"
    with open(path, "rb") as film:
        head = film.read(4096)
    if b"ftyp" in head[:64]:
        return "an MP4 without its index (moov): the download or recording was cut off; get it again or repair it"
    if head.isascii() and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "a text file, not a film"
    return "not a film that FFmpeg knows; check the file, or convert it with ffmpeg"


def picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream that carries the film: of those that move, the one with the most pixels a second.

    Cover art and thumbnails are not the film. Raises NotAFilm when there is none.
    """
    moving = [stream for stream in container.streams.video if not stream.disposition & NOT_MOVING]
    # A stream whose codec FFmpeg does not know has no codec context, whatever the stubs say.
    known: list[av.VideoStream] = [stream for stream in moving if getattr(stream, "codec_context", None) is not None]
    decodable = [stream for stream in known if stream.codec_context.width > 0]
    if not decodable:
        if moving and not known:
            raise NotAFilm(path, "FFmpeg has no decoder for its picture stream; convert it, or check the file")
        if moving:
            raise NotAFilm(path, "its picture stream has no known size or codec; FFmpeg cannot decode it")
        if container.streams.audio:
            raise NotAFilm(path, "it has sound but no moving pictures")
        raise NotAFilm(path, "it has no moving pictures")

    def pixels_per_second(stream: av.VideoStream) -> float:
        return stream.codec_context.width * stream.codec_context.height * float(stream.average_rate or 1)

    return max(decodable, key=pixels_per_second)


def open_film(path: Path) -> Film:
    """The film at a path; at least one picture of it can be decoded.

    Raises NotAFilm when nothing of it can be decoded, OSError when it cannot be read.
    """
    av.logging.set_level(av.logging.PANIC)
    with open_container(path) as container:
        stream = picture_stream(container, path)
        if "mp4" in container.format.name.split(",") and mp4_index.is_damaged(path):
            raise NotAFilm(path, "its index (moov) is damaged: get it again, or repair it")
        first = _first_picture(container, stream)
        if first is None:
            raise NotAFilm(
                path, f"no picture of its {stream.codec_context.name} stream can be decoded; the file is damaged"
            )
        return Film(
            path=path,
            container=container.format.name,
            codec=codec_name(stream),
            stream_index=stream.index,
            coded_width=first.width,
            coded_height=first.height,
            orientation=_orientation(first),
            fps=_finite(stream.guessed_rate or stream.average_rate),
            duration_s=_duration_s(container, stream),
            stated_frames=stream.frames,
        )


def probe_film(path: Path) -> Probe:
    """What the container and the first picture say of a film. Raises NotAFilm, or OSError when it cannot be read."""
    film = open_film(path)
    return Probe(
        path=str(path),
        fingerprint=film_fingerprint(path),
        container=film.container,
        codec=film.codec,
        width=film.width,
        height=film.height,
        fps=film.fps,
        duration_s=film.duration_s,
        source_frames=film.stated_frames or round(film.duration_s * film.fps),
    )


def codec_name(stream: av.VideoStream) -> str:
    """FFmpeg's name of the codec, not of the decoder that happens to be used for it."""
    decoder = stream.codec_context.name
    return {"libdav1d": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}.get(decoder, decoder)


def _first_picture(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    for packet in demuxed(container, stream):
        try:
            for frame in packet.decode():
                return frame
        except av.error.FFmpegError:
            continue
    return None


def _orientation(frame: av.VideoFrame) -> Orientation:
    """From the display matrix: x' = a x + c y, y' = b x + d y in 16.16 fixed point (libavutil/display.h)."""
    matrix = display_matrix(frame)
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = matrix[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
    return Orientation(mirror_x=a < 0, mirror_y=d < 0)


def _duration_s(container: Any, stream: av.VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration / av.time_base) if container.duration else 0.0


def _finite(rate: Fraction | None) -> float:
    value = float(rate) if rate else 0.0
    return value if math.isfinite(value) else 0.0
