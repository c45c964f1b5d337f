"""The reader for what decord cannot read: PyAV, which names every frame it gives by its own time."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import av
import numpy as np

from frame_extractor.demux import NOT_SHOWN, Chunk
from frame_extractor.errors import ReadFailed
from frame_extractor.film import UNTAGGED, Film, Rgb, open_container
from frame_extractor.gops import packets_of
from frame_extractor.readers import TIME_TOLERANCE_S, Frame


class PyavReader:
    """Reads a chunk with PyAV. Gives what it can: a frame that does not decode is missing, never replaced."""

    name: ClassVar[str] = "pyav"

    def read(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        expected = np.array(chunk.times_s) - chunk.times_s[0]
        given = -1
        try:
            container = av.open(io.BytesIO(chunk.matroska), "r")
        except av.error.FFmpegError as failure:
            raise ReadFailed(self.name, str(failure)) from None
        with container:
            for frame, _ in _decoded(container, container.streams.video[0]):
                if frame.pts is None:
                    continue
                nth = int(np.abs(expected - frame.time).argmin())
                if nth <= given or abs(expected[nth] - frame.time) > TIME_TOLERANCE_S:
                    raise ReadFailed(self.name, f"a frame {frame.time:.3f} s into the chunk, where no packet is")
                given = nth
                if chunk.frame_indices[nth] != NOT_SHOWN:
                    yield Frame(chunk.frame_indices[nth], chunk.times_s[nth], _upright_rgb(film, frame))


def read_whole(film: Film, threads: int = 1) -> Iterator[Frame]:
    """Every frame of a film that cannot be cut into chunks, in order, numbered as they are shown.

    Slow, and exact for whatever FFmpeg decodes from the beginning.
    """
    with open_container(film.path) as container:
        stream = container.streams[film.stream_index]
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = threads
        stream.thread_type = "AUTO"
        clock = _FilmClock(film)
        decoded = _decoded(container, stream, None if film.has_times else clock)
        for index, (frame, follows_damage) in enumerate(decoded):
            yield Frame(index, clock.time_s(frame), _upright_rgb(film, frame), follows_damage)


class _FilmClock:
    """Times since the first frame, never going back.

    Frames carry their own where the container has any. In an AVI only decoding has times, one slot a packet: the nth
    frame shown has the nth slot.
    """

    def __init__(self, film: Film) -> None:
        self._frame_s = 1 / film.fps if film.fps else 0.04
        self._slots_s: deque[float] = deque()
        self._offset: float | None = None
        self._last_s = -self._frame_s

    def add_slot(self, packet: av.Packet[av.VideoStream]) -> None:
        if packet.dts is not None:
            self._slots_s.append(float(packet.dts * packet.time_base))

    def time_s(self, frame: av.VideoFrame) -> float:
        stream_s = self._slots_s.popleft() if self._slots_s else _own_time_s(frame)
        if stream_s is None:
            self._last_s += self._frame_s
            return self._last_s
        if self._offset is None or stream_s - self._offset <= self._last_s:
            self._offset = stream_s - (self._last_s + self._frame_s)
        self._last_s = stream_s - self._offset
        return self._last_s


def _own_time_s(frame: av.VideoFrame) -> float | None:
    return None if frame.pts is None else float(frame.time)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, clock: _FilmClock | None = None
) -> Iterator[tuple[av.VideoFrame, bool]]:
    """What decodes, in presentation order, and whether packets before it did not; those are passed over."""
    follows_damage = False
    for packet in packets_of(container, stream):
        if clock is not None and packet.size:
            clock.add_slot(packet)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            follows_damage = True
            continue
        for frame in frames:
            if frame.is_corrupt:
                follows_damage = True
                continue
            yield frame, follows_damage
            follows_damage = False


def _upright_rgb(film: Film, frame: av.VideoFrame) -> Rgb:
    """The picture in RGB by the film's colour rule, upright. One of another size is scaled to the film's."""
    if frame.colorspace == UNTAGGED:
        frame.colorspace = film.untagged_colorspace
    rgb = frame.reformat(width=film.coded_width, height=film.coded_height, format="rgb24", threads=1)
    return film.orientation.apply(np.asarray(rgb.to_ndarray(), dtype=np.uint8))
