"""The default reader: decord, one chunk at a time, one thread, frame after frame.

decord is exact on a chunk and not on a film: it is never given a path, never asked to seek.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, ClassVar

import decord
import numpy as np

from frame_extractor.errors import ReadFailed
from frame_extractor.reading.chunk import NOT_SHOWN, Chunk
from frame_extractor.reading.concealment import captured_stderr
from frame_extractor.reading.film import Film, Rgb
from frame_extractor.reading.readers import TIME_TOLERANCE_S, Frame

decord.logging.set_level(decord.logging.QUIET)

_CPU = (1, 0)
"""kDLCPU, and which."""
NO_RECOVERY = 0.0001
"""decord fills in a frame it cannot decode from a neighbour; it raises when more than this share are. 0: no limit."""


class DecordReader:
    """Reads a chunk with decord, and checks that as many frames come out, at the same times, none concealed."""

    name: ClassVar[str] = "decord"

    def read(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        if chunk.too_long_for_decord:
            raise ReadFailed(self.name, "the chunk is too long to be decoded ahead")
        with captured_stderr() as has_concealed:
            decord.logging.set_level(decord.logging.INFO)
            try:
                yield from self._frames(film, chunk)
            finally:
                decord.logging.set_level(decord.logging.QUIET)
            if has_concealed():
                raise ReadFailed(self.name, "damaged pictures, parts of which the decoder concealed")

    def _frames(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        expected = len(chunk.frame_indices)
        try:
            video = decord.VideoReader(io.BytesIO(chunk.matroska), num_threads=1, fault_tol=NO_RECOVERY)
            self._check(chunk, video)
            for nth in range(expected):
                picture = _pixels(video.next())
                if picture.shape != (film.coded_height, film.coded_width, 3):
                    raise ReadFailed(self.name, f"a picture of {picture.shape} in a film of another size")
                if chunk.frame_indices[nth] != NOT_SHOWN:
                    yield Frame(chunk.frame_indices[nth], chunk.times_s[nth], film.orientation.apply(picture))
        except StopIteration:
            raise ReadFailed(self.name, "fewer frames than packets") from None
        except (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, AssertionError) as failure:
            raise ReadFailed(self.name, str(failure).splitlines()[0] if str(failure) else "no frames") from None

    def _check(self, chunk: Chunk, video: decord.VideoReader) -> None:
        expected = np.array(chunk.times_s)
        if len(video) != len(expected):
            raise ReadFailed(self.name, f"{len(video)} frames of {len(expected)} packets")
        times = np.sort(np.asarray(video.get_frame_timestamp(range(len(video))))[:, 0])
        if np.abs((times - times[0]) - (expected - expected[0])).max() > TIME_TOLERANCE_S:
            raise ReadFailed(self.name, "frames at other times than their packets")


class _Exporter:
    """One of decord's arrays, as `numpy.from_dlpack` asks for it: the same memory, which lives as long as either."""

    def __init__(self, array: decord.nd.NDArray) -> None:
        self._array = array

    def __dlpack__(self, *, stream: None = None, **_options: object) -> Any:
        return self._array.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


def _pixels(array: decord.nd.NDArray) -> Rgb:
    """The picture in memory that its decoder made, read-only; decord's `asnumpy` copies it."""
    return np.asarray(np.from_dlpack(_Exporter(array)), dtype=np.uint8)
