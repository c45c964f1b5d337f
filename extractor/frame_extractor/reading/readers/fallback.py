"""In what order readers are tried."""

from __future__ import annotations

from typing import Final

from frame_extractor.reading.readers import FrameReader
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.reading.readers.pyav import PyavReader

READERS: Final[dict[str, FrameReader]] = {reader.name: reader for reader in (DecordReader(), PyavReader())}
"""By name, the one to try first first."""

FIRST_READER: Final = DecordReader.name
LAST_READER: Final = PyavReader.name
NO_READER: Final = "none"
"""Stands for a reader where none could read."""


def reader_after(name: str) -> str:
    """The reader to try when `name` has failed; NO_READER after the last."""
    names = [*READERS, NO_READER]
    return names[names.index(name) + 1]


def readers_from(name: str) -> list[FrameReader]:
    """This reader and those to try after it."""
    names = list(READERS)
    return [READERS[later] for later in names[names.index(name) :]] if name in names else []
