"""Readers turn coded film into pictures. Every reader gives the same pictures for the same chunk.

`decord.py` is the fast one, for chunks; `pyav.py` reads what decord cannot, and films that cannot be cut into chunks.
Channel order (RGB), colour matrix and orientation are settled here and in the chunk's header, nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.film import Film, Rgb

TIME_TOLERANCE_S = 0.0015
"""Matroska rounds times to a millisecond."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame of a film."""

    index: int
    """0-based, in presentation order of the source."""
    time_s: float
    """Since the film's first frame."""
    pixels: Rgb
    follows_damage: bool = False
    """Frames before it are left out: they did not decode, or are missing in the file."""
    is_number_counted: bool = False
    """Its index is only a count of what is there: it is unknown how many are missing before."""


class FrameReader(Protocol):
    """Decodes one chunk."""

    name: ClassVar[str]

    def read(self, film: Film, chunk: Chunk) -> Iterator[Frame]:
        """The chunk's frames, in presentation order; what is not shown is left out.

        Raises ReadFailed, possibly after frames have come, when what was decoded is not what the demuxer counted:
        the frames that came are then not to be used either.
        """
        ...
