"""The reader for what decord cannot read: PyAV, which names every frame it gives by its own time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import ClassVar

import av
import numpy as np

from frame_extractor.errors import ReadFailed
from frame_extractor.reading.chunk import NOT_SHOWN, Chunk
from frame_extractor.reading.concealment import decode_checked
from frame_extractor.reading.film import UNTAGGED, Film, Rgb
from frame_extractor.reading.packets import packets_of
from frame_extractor.reading.readers import TIME_TOLERANCE_S, Frame


class PyavReader:
    """Reads a chunk with PyAV. Gives what it can: a frame that is not fully decoded is missing, never replaced."""

    name: ClassVar[str] = "pyav"

    def read(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        expected = np.array(chunk.times_s) - chunk.times_s[0]
        given = -1
        try:
            container = av.open(io.BytesIO(chunk.matroska), "r")
        except av.error.FFmpegError as failure:
            raise ReadFailed(self.name, str(failure)) from None
        with container:
            stream = container.streams.video[0]
            for frame in _whole_pictures(container, stream):
                if frame.pts is None:
                    continue
                # Not its own time: a frame that is drained has no time base.
                time_s = float(frame.pts * (stream.time_base or 0))
                nth = int(np.abs(expected - time_s).argmin())
                if nth <= given or abs(expected[nth] - time_s) > TIME_TOLERANCE_S:
                    raise ReadFailed(self.name, f"a frame {time_s:.3f} s into the chunk, where no packet is")
                given = nth
                if chunk.frame_indices[nth] != NOT_SHOWN:
                    yield Frame(chunk.frame_indices[nth], chunk.times_s[nth], upright_rgb(film, frame))


def _whole_pictures(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """A chunk's pictures in presentation order, without those that damage affects.

    A packet that is not fully decoded spoils all that are decoded after it up to the next key frame, and what leads
    that one: any of them may refer to it.
    """
    stream.codec_context.thread_count = 1
    spoiled: set[int | None] = set()
    is_spoiled = was_spoiled = False
    key_pts = 0

    def is_right(frame: av.VideoFrame) -> bool:
        return frame.pts not in spoiled and not frame.is_corrupt

    for packet in packets_of(container, stream):
        if packet.is_keyframe:
            was_spoiled, is_spoiled = is_spoiled, False
            key_pts = packet.pts or 0
            if was_spoiled:
                # What damage has left among the decoder's reference pictures must not be referred to.
                yield from filter(is_right, stream.decode(None))
                stream.codec_context.flush_buffers()
        frames, is_whole = decode_checked(packet)
        is_spoiled |= not is_whole
        if is_spoiled or (was_spoiled and packet.pts is not None and packet.pts < key_pts):
            spoiled.add(packet.pts)
        yield from filter(is_right, frames)


def upright_rgb(film: Film, frame: av.VideoFrame) -> Rgb:
    """The picture in RGB by the film's colour rule, upright. One of another size is scaled to the film's."""
    if frame.colorspace == UNTAGGED:
        frame.colorspace = film.untagged_colorspace
    rgb = frame.reformat(width=film.coded_width, height=film.coded_height, format="rgb24", threads=1)
    return film.orientation.apply(np.asarray(rgb.to_ndarray(), dtype=np.uint8))
