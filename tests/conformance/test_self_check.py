"""The self-check: a chunk that does not decode to what its packets promise is read again by the next reader.

What no reader can read is a failed range.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from frame_extractor.contract.settings import ExtractionSettings, Sampling
from frame_extractor.errors import ReadFailed
from frame_extractor.reading.chunk import Chunk
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film, open_film
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.reading.readers.fallback import FIRST_READER, NO_READER
from frame_extractor.reading.readers.pyav import PyavReader
from frame_extractor.workers.scan import scan
from frame_extractor.workers.spans import Span
from frame_extractor.workers.tasks import ScanPart, ScanTask, Voided, Written
from tests.harness.films import FilmPlan, read_barcode, write_film

PLAN = FilmPlan(
    options={"x264-params": "keyint=48:min-keyint=48:scenecut=0:bframes=3:threads=1"}, n_frames=576, size=(192, 112)
)
"""24 s: four chunks."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return open_film(write_film(tmp_path_factory.mktemp("film") / "film.mp4", PLAN))


@pytest.fixture(scope="module")
def chunks(film: Film) -> list[Chunk]:
    found = list(read_chunks(film, Sampling.EXACT))
    assert len(found) >= 3
    return found


def promising_more(chunk: Chunk) -> Chunk:
    """As if a packet had been counted that decodes to nothing."""
    return replace(
        chunk,
        frame_indices=(*chunk.frame_indices, chunk.frame_indices[-1] + 1),
        times_s=(*chunk.times_s, chunk.times_s[-1] + 1 / PLAN.fps),
        n_frames=chunk.n_frames + 1,
    )


def promising_less(chunk: Chunk) -> Chunk:
    """As if a packet held two pictures."""
    return replace(chunk, frame_indices=chunk.frame_indices[:-1], times_s=chunk.times_s[:-1])


def at_other_times(chunk: Chunk) -> Chunk:
    """As if two pictures had changed places."""
    times_s = list(chunk.times_s)
    times_s[20] = times_s[19] + 0.01
    return replace(chunk, times_s=tuple(times_s))


def cut_short(chunk: Chunk) -> Chunk:
    return replace(chunk, matroska=chunk.matroska[: len(chunk.matroska) * 2 // 3])


def with_noise(chunk: Chunk) -> Chunk:
    middle = len(chunk.matroska) // 2
    return replace(chunk, matroska=chunk.matroska[:middle] + b"\xff" * 3000 + chunk.matroska[middle + 3000 :])


def unreadable(chunk: Chunk) -> Chunk:
    return replace(chunk, matroska=bytes(len(chunk.matroska)))


ALL_FAULTS = [promising_more, promising_less, at_other_times, cut_short, with_noise, unreadable]


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=lambda fault: fault.__name__)
def test_decord_says_that_a_chunk_is_not_what_was_promised(film: Film, chunks: list[Chunk], fault: object) -> None:
    """Short, long, out of order, with an error, not at all."""
    assert callable(fault)
    with pytest.raises(ReadFailed):
        list(DecordReader().read(film, fault(chunks[1])))


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=lambda fault: fault.__name__)
def test_pyav_gives_true_frames_or_says_that_it_failed(film: Film, chunks: list[Chunk], fault: object) -> None:
    """Some may be missing; none has another's number."""
    assert callable(fault)
    frames: list[Frame] = []
    try:
        frames += PyavReader().read(film, fault(chunks[1]))
    except ReadFailed:
        assert fault in {promising_less, at_other_times, unreadable}
        return
    assert [read_barcode(frame.pixels) for frame in frames] == [frame.index for frame in frames]
    assert len(frames) > chunks[1].n_frames // 4


def scanned(film: Film, chunks: list[Chunk], folder: Path) -> tuple[ScanPart, int]:
    """What a worker finds out of these chunks, and how often it had to begin again."""
    task = ScanTask(
        film,
        Span(0, tuple(chunks), starts_like_a_cut=True, ends_like_a_cut=True),
        ExtractionSettings(),
        folder,
        FIRST_READER,
    )
    messages = list(scan(task, lambda frame: Written(frame.index, None, 0, 192, 112)))
    (part,) = (message for message in messages if isinstance(message, ScanPart))
    return part, sum(isinstance(message, Voided) for message in messages)


def test_a_chunk_that_one_reader_fails_on_is_read_by_the_next(film: Film, chunks: list[Chunk], tmp_path: Path) -> None:
    """Whole, where it is only decord that cannot; the other chunks stay with decord, and the scores are the same."""
    sound, _ = scanned(film, chunks, tmp_path)
    part, n_begun_again = scanned(film, [chunks[0], replace(chunks[1], too_long_for_decord=True), chunks[2]], tmp_path)
    assert n_begun_again == 1
    assert part.readers == {0: "decord", 1: "pyav", 2: "decord"}
    assert part.failed == ()
    assert part.numbers.tolist() == sound.numbers.tolist()[: len(part.numbers)]
    assert part.features["score"] == pytest.approx(sound.features["score"][: len(part.features)], abs=0.5)


def test_what_no_reader_can_read_is_a_failed_range_and_a_break(film: Film, chunks: list[Chunk], tmp_path: Path) -> None:
    """From the chunk's first frame to its end, with the reason; numbers go on behind it as if it had been read."""
    part, n_begun_again = scanned(film, [chunks[0], unreadable(chunks[1]), chunks[2]], tmp_path)
    (failed,) = part.failed
    assert n_begun_again == 2
    assert part.readers == {0: "decord", 1: NO_READER, 2: "decord"}
    assert (failed.start_s, failed.end_s) == (chunks[1].start_s, chunks[1].end_s)
    assert failed.reason
    assert part.breaks == (len(chunks[0].samples),)
    expected = [*chunks[0].samples, *chunks[2].samples]
    assert part.frame_indices.tolist() == [index for index, _ in expected]
    assert part.numbers.tolist() == part.frame_indices.tolist()


def test_a_chunk_cut_short_is_missing_from_there_on(film: Film, chunks: list[Chunk], tmp_path: Path) -> None:
    """What decodes of it counts, and what is left of it is a failed range."""
    part, _ = scanned(film, [chunks[0], cut_short(chunks[1]), chunks[2]], tmp_path)
    (failed,) = part.failed
    assert part.readers[1] == "pyav"
    assert chunks[1].start_s < failed.start_s < failed.end_s == chunks[1].end_s
    lost = range(round(failed.start_s * PLAN.fps), round(failed.end_s * PLAN.fps))
    assert set(part.frame_indices.tolist()) == set(range(chunks[2].first_frame + chunks[2].n_frames)) - set(lost)
