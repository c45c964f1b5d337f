"""A film from file to images: names the stages and hands results from one to the next.

inspect -> scan (decode and score every sampled frame) -> shots -> plan -> write (decode and encode the picks)
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from frame_extractor.contract import ExtractionSettings, FailedRange, FilmResult, Probe, Stage, film_fingerprint
from frame_extractor.demux import Chunk, read_chunks, why_whole
from frame_extractor.errors import NeedsWholeFilm, NotAFilm, TooMuchFailed
from frame_extractor.film import Film, open_film
from frame_extractor.plan import Pick, plan
from frame_extractor.pool import Finished, GivenUp, Restarted, WorkerPool
from frame_extractor.shots import find_shots
from frame_extractor.stitch import Scan, Stitcher
from frame_extractor.worker import ScanPart, ScanTask, Stopwatch, WriteDone, WriteTask, Written, unreadable_part

SCAN_SHARE = 0.6
"""Of the progress bar: the scan decodes every sampled frame, writing only up to the last pick of each chunk."""


@dataclass(frozen=True)
class Picture:
    """One finished image in the temp folder."""

    pick: Pick
    temp_path: Path
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True)
class FilmProgress:
    """How far one film is."""

    stage: Stage
    seconds_done: float
    """Film time finished: `fraction` of `seconds_total`."""
    seconds_total: float
    fraction: float
    """0 to 1, never going back."""
    images: int


Publish = Callable[[Picture], None]
Report = Callable[[FilmProgress], None]


def probe_film(path: Path) -> Probe:
    """What the container and the first picture say of a film. Raises NotAFilm, or OSError when it cannot be read."""
    film = open_film(path)
    return Probe(
        path=str(path),
        fingerprint=film_fingerprint(path),
        container=film.container,
        codec=film.codec,
        width=film.width,
        height=film.height,
        fps=film.fps,
        duration_s=film.duration_s,
        source_frames=film.stated_frames or round(film.duration_s * film.fps),
    )


def extract_film(
    path: Path, *, settings: ExtractionSettings, workers: int, temp: Path, publish: Publish, report: Report
) -> FilmResult:
    """The film's picks, each handed to `publish` as a finished file in `temp`, and what there is to say of it.

    `publish` is called in this process, in no particular order of frames. The result's `folder` is left to the caller.
    Raises NotAFilm when nothing decodes, TooMuchFailed when more is damaged than the settings allow, OSError as it
    comes from reading or writing. Workers are gone when it returns or raises.
    """
    begun = time.monotonic()
    film = open_film(path)
    tell = _Teller(film, report)
    with WorkerPool(workers) as pool:
        why_not_chunks = why_whole(film)
        clock = Stopwatch()

        def chunks() -> Iterator[Chunk | None]:
            return iter([None]) if why_not_chunks else clock.timed("demux", read_chunks(film, settings.sampling))

        try:
            scan = _scan(film, chunks(), pool, tell)
        except NeedsWholeFilm as need:
            why_not_chunks = need.reason
            scan = _scan(film, chunks(), pool, tell)
        if len(scan.samples) == 0:
            raise NotAFilm(path, f"no picture of its {film.codec} stream can be decoded; the file is damaged")
        if scan.failed_fraction > settings.max_failed_fraction:
            raise TooMuchFailed(path, scan.failed_fraction, settings.max_failed_fraction, scan.failed)
        shots = find_shots(scan.samples, settings)
        picks = plan(scan.samples, shots, settings)
        tasks = _write_tasks(chunks(), picks, film=film, scan=scan, settings=settings, temp=temp)
        writing = _write(tasks, picks, pool, publish, tell)
    return FilmResult(
        name=path.name,
        path=str(path),
        fingerprint=film_fingerprint(path),
        status="complete",
        images=writing.images,
        shots=len(shots),
        cuts=tuple(int(scan.samples.frame_indices[shot.start]) for shot in shots[1:]),
        duration_s=scan.end_s,
        source_frames=scan.n_frames,
        fps=film.fps,
        width=film.width,
        height=film.height,
        codec=film.codec,
        container=film.container,
        rejected_blurry=writing.rejected,
        failed_ranges=(*scan.failed, *writing.failed),
        decoded_frames=len(scan.samples) + writing.decoded,
        chunks_read_by=dict(sorted(Counter(scan.readers).items())),
        settings=settings,
        wall_s=time.monotonic() - begun,
        stages_s=dict(sorted((Counter(scan.stages_s) + Counter(writing.stages_s) + Counter(clock.seconds)).items())),
        extracted_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _scan(film: Film, chunks: Iterator[Chunk | None], pool: WorkerPool, tell: _Teller) -> Scan:
    """Scores of every sampled frame. Raises NeedsWholeFilm where packets turn out not to be pictures."""
    stitcher = Stitcher()
    parts: defaultdict[int, list[ScanPart]] = defaultdict(list)
    in_work: dict[int, Chunk | None] = {}

    def tasks() -> Iterator[ScanTask]:
        for number, chunk in enumerate(chunks):
            in_work[number] = chunk
            yield ScanTask(film, chunk)

    for number, event in pool.run(tasks()):
        match event:
            case ScanPart():
                parts[number].append(event)
                tell.scanned(event.times_s[-1] - event.times_s[0] if event.times_s else 0.0)
            case Restarted():
                parts[number].clear()
            case GivenUp():
                chunk = in_work.pop(number)
                if chunk is None:
                    raise NotAFilm(film.path, event.reason)
                stitcher.add(number, [unreadable_part(chunk, event.reason)])
            case Finished():
                in_work.pop(number)
                stitcher.add(number, parts.pop(number, []))
    return stitcher.scan()


def _write_tasks(
    chunks: Iterator[Chunk | None],
    picks: Sequence[Pick],
    *,
    film: Film,
    scan: Scan,
    settings: ExtractionSettings,
    temp: Path,
) -> Iterator[WriteTask]:
    """One task for each chunk of which a frame is wanted; the reader is the one that scanned it."""
    wanted = [pick.frame_index for pick in picks]
    for number, chunk in enumerate(chunks):
        if chunk is None:
            of_chunk = wanted
        else:
            of_chunk = wanted[
                bisect_left(wanted, chunk.first_frame) : bisect_left(wanted, chunk.first_frame + chunk.n_frames)
            ]
        if of_chunk:
            yield WriteTask(
                film=film,
                chunk=chunk,
                wanted=frozenset(of_chunk),
                folder=temp,
                quality=settings.quality,
                blur_threshold=settings.blur_threshold,
                reader=scan.readers[number],
            )


@dataclass
class _Writing:
    """What became of the picks."""

    images: int = 0
    rejected: int = 0
    decoded: int = 0
    failed: list[FailedRange] = field(default_factory=list)
    stages_s: Counter[str] = field(default_factory=Counter)


def _write(
    tasks: Iterator[WriteTask], picks: Sequence[Pick], pool: WorkerPool, publish: Publish, tell: _Teller
) -> _Writing:
    """Every pick that could be read a second time is published, once."""
    writing = _Writing()
    tell.planned(len(picks))
    open_picks = {pick.frame_index: pick for pick in picks}
    for _, event in pool.run(tasks):
        match event:
            case Written():
                pick = open_picks.pop(event.frame_index, None)
                if pick is None:
                    continue  # Written before its worker died; the same file again.
                if event.path is None:
                    writing.rejected += 1
                else:
                    publish(Picture(pick, event.path, event.size_bytes, event.width, event.height))
                    writing.images += 1
                tell.written(writing.images, writing.rejected)
            case WriteDone():
                writing.decoded += event.n_decoded
                writing.stages_s.update(event.stages_s)
    for pick in open_picks.values():
        # Read when it was scanned and not since: the disk or the decoder has changed its mind.
        writing.failed.append(
            FailedRange(
                start_s=pick.time_s, end_s=pick.time_s, reason=f"frame {pick.frame_index} could not be read again"
            )
        )
    return writing


class _Teller:
    """Turns work done into progress that never goes back."""

    def __init__(self, film: Film, report: Report) -> None:
        self._total_s = film.duration_s
        self._report = report
        self._scanned_s = 0.0
        self._fraction = 0.0
        self._planned = 0
        self._tell(Stage.OPENING, 0.0, 0)

    def scanned(self, seconds: float) -> None:
        self._scanned_s += seconds
        done = min(1.0, self._scanned_s / self._total_s) if self._total_s else 0.0
        self._tell(Stage.SCANNING, SCAN_SHARE * done, 0)

    def planned(self, n_picks: int) -> None:
        self._planned = n_picks
        self._tell(Stage.WRITING, SCAN_SHARE, 0)

    def written(self, images: int, rejected: int) -> None:
        done = (images + rejected) / max(1, self._planned)
        self._tell(Stage.WRITING, SCAN_SHARE + (1 - SCAN_SHARE) * done, images)

    def _tell(self, stage: Stage, fraction: float, images: int) -> None:
        self._fraction = max(self._fraction, fraction)
        self._report(
            FilmProgress(
                stage=stage,
                seconds_done=self._fraction * self._total_s,
                seconds_total=self._total_s,
                fraction=self._fraction,
                images=images,
            )
        )
