"""A film from file to images: names the stages and hands results from one to the next.

inspect -> scan (decode once: score, and write likely picks) -> stitch, shots, plan -> repair (what the scan missed)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from frame_extractor.contract.results import FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.errors import NeedsWholeFilm, NotAFilm, TooMuchFailed
from frame_extractor.output.picture import Images
from frame_extractor.pipeline.context import FilmContext
from frame_extractor.pipeline.delivery import PickDelivery
from frame_extractor.pipeline.film_progress import FilmProgress, FilmProgressReporter
from frame_extractor.pipeline.repair_stage import RepairStage
from frame_extractor.pipeline.scan_stage import ScanStage
from frame_extractor.pipeline.score_cache import ScoreCache
from frame_extractor.pipeline.stitch import Scan
from frame_extractor.reading.film import open_film
from frame_extractor.reading.film import probe_film as probe_film  # noqa: PLC0414 -- a Pipeline has it
from frame_extractor.reading.film_range import range_of
from frame_extractor.reading.trial_decode import reason_to_read_whole
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.pool import WorkerPool


def worker_pool(grant: WorkerGrant, check: Callable[[], None]) -> WorkerPool:
    """Whose workers extract films, one after the other. What `check` raises ends the film in work."""
    return WorkerPool(grant, check)


def extract_film(
    path: Path,
    *,
    settings: ExtractionSettings,
    pool: WorkerPool,
    temp: Path,
    images: Images,
    cache: ScoreCache,
    report: Callable[[FilmProgress], None],
) -> FilmResult:
    """The film's picks, each published as a finished file, and what there is to say of the film.

    Pictures are made in `temp` and published from this process, shot after shot, then what had to be read again. What
    earlier attempts have found out (`cache`) and made (`images.reusable`) is not done again. Identity, place and time
    are left to the caller. Raises NotAFilm when nothing decodes, TooMuchFailed when more is damaged than the settings
    allow, OSError as it comes from reading or writing. No worker is busy with the film when it returns or raises.
    """
    film = open_film(path)
    film_range = range_of(path, film.duration_s, settings)
    reporter = FilmProgressReporter(film_range.seconds_of(film.duration_s), report)

    def extract(*, in_chunks: bool) -> FilmResult:
        context = FilmContext(film, settings, pool, temp, reporter, film_range, in_chunks)
        return _run_stages(context, images, cache)

    if cache.film is not None:
        return extract(in_chunks=cache.film.in_chunks)
    try:
        if reason_to_read_whole(film) is None:
            return extract(in_chunks=True)
    except NeedsWholeFilm:
        reporter.restart()
        images.restart()
        cache.delete_spans()
    return extract(in_chunks=False)


def _run_stages(context: FilmContext, images: Images, cache: ScoreCache) -> FilmResult:
    """Everything, in order. Raises NeedsWholeFilm where packets turn out not to be pictures."""
    waited_before_s = context.pool.waited_s
    delivery = PickDelivery(context.film, images, context.reporter, keep_all=context.settings.keep_all)
    scan_stage = ScanStage(context, cache, delivery, removed=images.removed)
    scan = scan_stage.run()
    _require_usable(scan, context)
    repair_stage = RepairStage(context, delivery)
    repair_stage.run(scan.readers)
    context.clock.add("wait", context.pool.waited_s - waited_before_s)
    cache.store_film(scan, in_chunks=context.in_chunks, rejected=delivery.blurred)
    film, settings = context.film, context.settings
    stages_s = Counter(scan.stages_s) + context.clock.seconds
    return FilmResult(
        name=film.path.name,
        path=str(film.path),
        fingerprint=cache.fingerprint,
        status="complete",
        images=delivery.n_images,
        shots=len(scan.shots),
        cuts=tuple(int(scan.samples.frame_indices[shot.start]) for shot in scan.shots[1:]),
        duration_s=scan.end_s if context.film_range.end_s == math.inf else film.duration_s,
        source_frames=scan.n_frames,
        fps=film.fps,
        width=film.width,
        height=film.height,
        codec=film.codec,
        container=film.container,
        rejected_blurry=delivery.n_blurred,
        wanted=scan.n_wanted,
        given=scan.n_given,
        transitions=scan.transitions,
        failed_ranges=(*scan.failed, *repair_stage.failed),
        frame_numbers_counted_from_s=scan.counted_from_s,
        decoded_frames=scan_stage.n_scanned + repair_stage.n_decoded,
        kept_frames=scan_stage.n_cached,
        repaired_frames=repair_stage.n_decoded,
        chunks_read_by=dict(sorted(Counter(scan.readers.values()).items())),
        settings=settings,
        image_key=settings.image_key,
        stages_s={name: round(seconds, 3) for name, seconds in sorted(stages_s.items())},
    )


def _require_usable(scan: Scan, context: FilmContext) -> None:
    """Raises NotAFilm or TooMuchFailed for a scan that is not good enough to go on with."""
    film, allowed = context.film, context.settings.max_failed_fraction
    if len(scan.samples) == 0:
        raise NotAFilm(film.path, f"no picture of its {film.codec} stream can be decoded; the file is damaged")
    failed_fraction = scan.failed_fraction(context.film_range.start_s)
    if failed_fraction > allowed:
        raise TooMuchFailed(film.path, failed_fraction, allowed, scan.failed)
