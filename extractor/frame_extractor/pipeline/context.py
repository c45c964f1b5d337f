"""What all stages of one film share: the film, its settings, the workers, and whom to report to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.pipeline.film_progress import FilmProgressReporter
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.chunk_range import chunks_in_range
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film
from frame_extractor.reading.film_range import FilmRange
from frame_extractor.stopwatch import Stopwatch
from frame_extractor.workers.pool import WorkerPool


@dataclass(frozen=True)
class FilmContext:
    """One film in work."""

    film: Film
    settings: ExtractionSettings
    pool: WorkerPool
    temp: Path
    """Where workers write images, and where spans are stored until a worker takes them."""
    reporter: FilmProgressReporter
    film_range: FilmRange
    """What of it is extracted."""
    in_chunks: bool
    """False: one decoder reads the film from beginning to end, as one task."""
    clock: Stopwatch = field(default_factory=Stopwatch)
    """Of what this process does itself; workers have clocks of their own."""

    def chunks(self) -> Iterator[Chunk]:
        """All chunks of the range. Raises NeedsWholeFilm where packets turn out not to be pictures."""
        return chunks_in_range(read_chunks(self.film, self.settings.sampling), self.film_range)

    @property
    def threads(self) -> int:
        """Decoder threads of a task: a film that is read whole keeps one worker busy, whose decoder has all cores."""
        return 1 if self.in_chunks else self.pool.n_workers
