"""The reader for what decord cannot read: PyAV, which names every frame it gives by its own time."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import av
import numpy as np
from av.video.frame import PictureType

from frame_extractor.errors import ReadFailed
from frame_extractor.reading.demux import NOT_SHOWN, Chunk
from frame_extractor.reading.film import UNTAGGED, Film, Rgb, open_container
from frame_extractor.reading.film_file import film_file_of
from frame_extractor.reading.gops import packets_of
from frame_extractor.reading.readers import TIME_TOLERANCE_S, Frame
from frame_extractor.reading.readers.damage import decode_listening


class PyavReader:
    """Reads a chunk with PyAV. Gives what it can: a frame that does not decode whole is missing, never replaced."""

    name: ClassVar[str] = "pyav"

    def read(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        expected = np.array(chunk.times_s) - chunk.times_s[0]
        given = -1
        try:
            container = av.open(io.BytesIO(chunk.matroska), "r")
        except av.error.FFmpegError as failure:
            raise ReadFailed(self.name, str(failure)) from None
        with container:
            for frame in _whole_pictures(container, container.streams.video[0]):
                if frame.pts is None:
                    continue
                nth = int(np.abs(expected - frame.time).argmin())
                if nth <= given or abs(expected[nth] - frame.time) > TIME_TOLERANCE_S:
                    raise ReadFailed(self.name, f"a frame {frame.time:.3f} s into the chunk, where no packet is")
                given = nth
                if chunk.frame_indices[nth] != NOT_SHOWN:
                    yield Frame(chunk.frame_indices[nth], chunk.times_s[nth], _upright_rgb(film, frame))


def _whole_pictures(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """A chunk's pictures in presentation order, without those that damage has touched.

    A packet that does not decode whole spoils all that are decoded after it up to the next key frame, and what leads
    that one: any of them may refer to it.
    """
    stream.codec_context.thread_count = 1
    spoiled: set[int | None] = set()
    is_spoiled = was_spoiled = False
    key_pts = 0
    for packet in packets_of(container, stream):
        if packet.is_keyframe:
            was_spoiled, is_spoiled = is_spoiled, False
            key_pts = packet.pts or 0
        frames, is_whole = decode_listening(packet)
        is_spoiled |= not is_whole
        if is_spoiled or (was_spoiled and packet.pts is not None and packet.pts < key_pts):
            spoiled.add(packet.pts)
        yield from (frame for frame in frames if frame.pts not in spoiled and not frame.is_corrupt)


def read_whole(
    film: Film, threads: int = 1, on_damaged_end: Callable[[float], None] = lambda _: None
) -> Iterator[Frame]:
    """Every frame of a film that cannot be cut into chunks, in order, numbered as they are shown.

    Slow, and exact for whatever FFmpeg decodes from the beginning. When the film ends in damage, `on_damaged_end` is
    told the time of the last picture that is lost.
    """
    with open_container(film.path) as container:
        stream = container.streams[film.stream_index]
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = threads
        stream.thread_type = "AUTO"
        clock = _FilmClock(film)
        damage = _Damage()
        for index, (frame, stream_s, follows_damage) in enumerate(_sound_pictures(container, stream, clock, damage)):
            yield Frame(index, clock.film_s(stream_s), _upright_rgb(film, frame), follows_damage)
        file = film_file_of(container)
        if file is not None and file.has_given_up:
            on_damaged_end(film.duration_s)
        elif damage.is_running:
            on_damaged_end(clock.film_s(damage.last_s))


@dataclass
class _Damage:
    """Where the reading of a whole film stands between a damaged picture and the next key frame."""

    is_running: bool = False
    last_s: float | None = None
    """Stream time of the last picture left out."""


def _sound_pictures(
    container: av.container.InputContainer, stream: av.VideoStream, clock: _FilmClock, damage: _Damage
) -> Iterator[tuple[av.VideoFrame, float | None, bool]]:
    """Pictures in presentation order, their stream times, and whether others before them are left out.

    What comes between a damaged picture and the next key frame may refer to it, and is left out; so are the B-frames
    just before it, which may have been decoded after it.
    """
    follows_damage = False
    held: list[tuple[av.VideoFrame, float | None, bool]] = []
    for packet in packets_of(container, stream):
        clock.add_slot(packet)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            clock.drop_slot(packet)
            damage.is_running = follows_damage = True
            held.clear()
            continue
        for frame in frames:
            stream_s = clock.stream_s(frame)
            damage.is_running = frame.is_corrupt or (damage.is_running and not frame.key_frame)
            if damage.is_running:
                damage.last_s = stream_s
                follows_damage = True
                held.clear()
                continue
            held.append((frame, stream_s, follows_damage))
            follows_damage = False
            if frame.pict_type != PictureType.B:
                yield from held
                held.clear()
    yield from held


class _FilmClock:
    """Times since the first frame, never going back.

    Frames carry their own where the container has any. In an AVI only decoding has times, one slot a packet: the nth
    frame shown has the nth slot.
    """

    def __init__(self, film: Film) -> None:
        self._frame_s = 1 / film.fps if film.fps else 0.04
        self._has_slots = not film.has_times
        self._slots_s: deque[float] = deque()
        self._offset: float | None = None
        self._last_s = -self._frame_s

    def add_slot(self, packet: av.Packet[av.VideoStream]) -> None:
        if self._has_slots and packet.size and packet.dts is not None:
            self._slots_s.append(float(packet.dts * packet.time_base))

    def drop_slot(self, packet: av.Packet[av.VideoStream]) -> None:
        """Nothing will be shown for this packet, the last one added."""
        if self._slots_s and packet.size and packet.dts is not None:
            self._slots_s.pop()

    def stream_s(self, frame: av.VideoFrame) -> float | None:
        """When the stream shows the next frame; None when it does not say. To be asked once for every frame."""
        if self._slots_s:
            return self._slots_s.popleft()
        return None if frame.pts is None else float(frame.time)

    def film_s(self, stream_s: float | None) -> float:
        """The same on the film's clock, which goes on evenly where the stream says nothing or jumps back."""
        if stream_s is None:
            self._last_s += self._frame_s
            return self._last_s
        if self._offset is None or stream_s - self._offset <= self._last_s:
            self._offset = stream_s - (self._last_s + self._frame_s)
        self._last_s = stream_s - self._offset
        return self._last_s


def _upright_rgb(film: Film, frame: av.VideoFrame) -> Rgb:
    """The picture in RGB by the film's colour rule, upright. One of another size is scaled to the film's."""
    if frame.colorspace == UNTAGGED:
        frame.colorspace = film.untagged_colorspace
    rgb = frame.reformat(width=film.coded_width, height=film.coded_height, format="rgb24", threads=1)
    return film.orientation.apply(np.asarray(rgb.to_ndarray(), dtype=np.uint8))
