"""A chunk: a stretch of film that a decoder can take alone. Data only; demux.py makes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from frame_extractor.contract.results import FailedRange

NOT_SHOWN: Final = -1
"""In the place of a frame index: the picture is only there for others to refer to."""


@dataclass(frozen=True)
class Chunk:
    """A stretch of film that can be decoded on its own, as a Matroska file in memory.

    The pictures in it, in presentation order, are `frame_indices` and `times_s`: those that are only there for others
    to refer to have the index NOT_SHOWN. The frames [first_frame, first_frame + n_frames) of the film belong to this
    chunk and to no other, also those that sampling left out of it.

    A shown picture that sampling left in is a sample; the film's samples are numbered through, whether they decode or
    not.
    """

    number: int
    matroska: bytes = field(repr=False)
    n_bytes: int
    frame_indices: tuple[int, ...] = field(repr=False)
    times_s: tuple[float, ...] = field(repr=False)
    """Since the film's first frame."""
    first_frame: int
    n_frames: int
    first_sample: int
    start_s: float
    end_s: float
    too_long_for_decord: bool
    starts_like_a_cut: bool
    """Its first key frame came earlier than the encoder's regular distance, as encoders do at scene cuts."""
    lost_before: FailedRange | None = None
    """Film that is missing or damaged in the file before this chunk; its frames are this chunk's."""
    lost_after: FailedRange | None = None
    """Film that is missing or damaged in the file after this chunk, the last; its frames are this chunk's."""
    are_numbers_counted: bool = False
    """Whether frame numbers are only a count of what is there: it is unknown how many are missing before."""
    stored_at: Path | None = None
    """Where its bytes are, when they are not in `matroska`."""

    def stored(self, folder: Path) -> Chunk:
        """The same chunk with its bytes in a file in `folder`. Raises OSError."""
        path = folder / f"chunk{self.number:06d}.mkv"
        path.write_bytes(self.matroska)
        return replace(self, matroska=b"", stored_at=path)

    def loaded(self) -> Chunk:
        """The same chunk with its bytes in memory. Raises OSError."""
        return self if self.stored_at is None else replace(self, matroska=self.stored_at.read_bytes(), stored_at=None)

    @property
    def samples(self) -> list[tuple[int, float]]:
        """(frame index, time in seconds) of each sample in it, in order."""
        pictures = zip(self.frame_indices, self.times_s, strict=True)
        return [(index, time_s) for index, time_s in pictures if index != NOT_SHOWN]
