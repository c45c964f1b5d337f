"""What a worker is given to do, and what it sends back. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.features.sample import Features
from frame_extractor.features.small_picture import SmallPicture
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.film import Film
from frame_extractor.workers.spans import Span


@dataclass(frozen=True)
class ScanTask:
    """Score every sample of a span, or of the whole film where there is no span, and write likely picks on the way."""

    film: Film
    span: Span | None
    settings: ExtractionSettings
    folder: Path
    """Where images go, each under the number of its frame."""
    first_reader: str
    """The reader to begin with."""
    removed: frozenset[int] = frozenset()
    """Indices of frames that a user has removed."""
    threads: int = 1
    """Decoder threads, for a film that is read whole and by one worker alone."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the film, so that beginning it again would cost all that is done."""
        return self.span is None


@dataclass(frozen=True)
class RepairTask:
    """Write these frames of a chunk, or of the whole film where there is no chunk."""

    film: Film
    chunk: Chunk | None
    settings: ExtractionSettings
    folder: Path
    first_reader: str
    """The one that read the chunk when it was scanned: the same pictures again."""
    wanted: frozenset[int]
    """Frame indices."""
    threads: int = 1

    @property
    def is_whole(self) -> bool:
        """As of a ScanTask."""
        return self.chunk is None


Task = ScanTask | RepairTask


@dataclass(frozen=True)
class Written:
    """One frame has become a file, `path`; or was judged too blurred, and has not, unless all are kept."""

    frame_index: int
    path: Path | None
    size_bytes: int
    width: int
    height: int
    is_blurred: bool = False


@dataclass(frozen=True)
class Advanced:
    """`seconds` more film are scanned; 0 says only that the worker is alive."""

    seconds: float


@dataclass(frozen=True)
class Voided:
    """What this task has written so far does not count: it begins again, with another reader."""


@dataclass(frozen=True)
class ScanPart:
    """The features of a span, and what is needed to join it to its neighbours: the last message of a ScanTask.

    The arrays have one length, the number of samples that decoded.
    """

    numbers: npt.NDArray[np.int64]
    frame_indices: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    features: Features
    """Changes are against the sample before in this part; those of the first, and of any after missing film, are 0."""
    breaks: tuple[int, ...]
    """Positions in this part before which film is missing; its length when it is missing after its last sample."""
    first: SmallPicture | None
    last: SmallPicture | None
    failed: tuple[FailedRange, ...]
    end_s: float
    n_frames: int
    """Frames of the film in this stretch, also those left out or missing."""
    readers: dict[int, str]
    """Number of chunk -> name of the reader that read it; NO_READER where none could. A whole film is chunk 0."""
    counted_from_s: float | None = None
    """From where on frame numbers are only a count of what is there."""
    stages_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RepairDone:
    """The last message of a RepairTask."""

    n_decoded: int
    stages_s: dict[str, float]


Message = Written | Advanced | Voided | ScanPart | RepairDone
