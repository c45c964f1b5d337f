"""One attempt at the films of an output folder: everything around the pipeline.

Takes the lock, keeps the records of `.framed/`, goes through the films one by one, and turns every error into
an exit code and one line for a person. film_pipeline.py makes a film's images, publish.py puts them into `frames/`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from frame_extractor.attempt import records
from frame_extractor.attempt.attempt_log import log_file
from frame_extractor.attempt.earlier_work import CompleteFilms, is_complete, is_redone, record_removed
from frame_extractor.attempt.epoch import Epoch
from frame_extractor.attempt.failures import RETRYABLE, Failure, FilmChanged, decisive, failure_of, with_film_name
from frame_extractor.attempt.film_extraction import FilmExtraction, PendingFilm, Pipeline
from frame_extractor.attempt.film_snapshot import FilmSnapshot
from frame_extractor.attempt.output_lock import folder_lock
from frame_extractor.attempt.priority import lower_priority
from frame_extractor.attempt.progress import Heartbeat, ProgressMeter
from frame_extractor.attempt.reporter import AttemptReporter, Screen
from frame_extractor.attempt.work_folder import work_folder
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.quantities import count
from frame_extractor.contract.results import FilmResult
from frame_extractor.errors import TooMuchFailed
from frame_extractor.messages import film_decoded, film_done, film_skipped, introduction, set_aside
from frame_extractor.output.manifest import Output, read_output, results_config
from frame_extractor.reading.film_range import probe_in_range
from frame_extractor.signals import EndingSignals
from frame_extractor.workers.grant import WorkerGrant

if TYPE_CHECKING:
    from frame_extractor.pipeline.film_progress import FilmProgress
    from frame_extractor.workers.pool import WorkerPool

log = logging.getLogger("frame_extractor")

CHECK_FILM_EVERY_S: Final = 2.0
"""Whether it is still the same: one that has changed is not read to its end in vain."""


@dataclass(frozen=True)
class Ending:
    """How an attempt ended."""

    code: ExitCode
    reason: str = ""
    """One line; empty when all went well."""
    extracted: tuple[FilmResult, ...] = ()
    """Films completed by this attempt."""
    n_skipped: int = 0
    n_failed: int = 0
    images: int = 0
    """In `frames/`, of all films of this attempt."""
    wall_s: float = 0.0


def run_attempt(spec: AttemptSpec, *, screen: Screen, pipeline: Pipeline | None = None) -> Ending:
    """Extracts what of the specification's films is not yet extracted.

    Never raises: an attempt ends with its exit code and, whatever happened, an exit record if one could be written.
    SIGINT, SIGTERM and SIGHUP end it in order. Call from the main thread.
    """
    with log_file(spec, log):
        with EndingSignals() as signals:
            lower_priority(spec)
            ending = _Runner(spec, pipeline, screen, signals).run()
            with contextlib.suppress(OSError):
                records.write_exit(
                    spec, code=ending.code, reason=ending.reason, images=ending.images, wall_s=ending.wall_s
                )
            log.info("attempt %d ended with code %d after %.1f s", spec.attempt, ending.code, ending.wall_s)
        return ending


class _Runner:
    def __init__(self, spec: AttemptSpec, pipeline: Pipeline | None, screen: Screen, signals: EndingSignals) -> None:
        self._spec = spec
        self._pipeline = pipeline
        self._reporter = AttemptReporter(screen)
        self._grant = WorkerGrant(spec.workers, control=spec.layout.control_file, attempt=spec.attempt)
        self._meter = ProgressMeter(spec, self._grant)
        self._signals = signals
        self._extracted: list[FilmResult] = []
        self._failures: list[Failure] = []
        self._n_skipped = 0
        self._check_film_at_s = 0.0
        self._epoch: Epoch
        self._heartbeat: Heartbeat

    def run(self) -> Ending:
        # A signal can raise on any line, but only once, and not after disarm(): so always inside the outer try.
        try:
            try:
                self._run()
            finally:
                self._signals.disarm()
        except BaseException as error:  # noqa: BLE001 - the attempt must end with an exit code
            self._fail(failure_of(error, output=self._spec.layout.folder), error)
        failure = decisive(self._failures)
        return Ending(
            code=failure.code if failure else ExitCode.DONE,
            reason=failure.line if failure else "",
            extracted=tuple(self._extracted),
            n_skipped=self._n_skipped,
            n_failed=sum(not each.ends_attempt for each in self._failures),
            images=self._meter.images,
            wall_s=self._meter.elapsed_s,
        )

    def _run(self) -> None:
        spec, layout = self._spec, self._spec.layout
        records.make_output(layout)
        settings = " ".join(f"{name}={value}" for name, value in msgspec.to_builtins(spec.settings).items())
        log.info("attempt %d of job %s, %s: %s", spec.attempt, spec.job_id, introduction(spec), settings)
        with folder_lock(spec):
            self._epoch = epoch = Epoch.begin(spec)
            with (
                work_folder(spec, lambda: epoch.is_over) as temp,
                Heartbeat(
                    self._meter, layout.progress, self._reporter.progress, lambda: epoch.is_over
                ) as self._heartbeat,
            ):
                try:
                    self._extract_all(temp)
                finally:
                    self._signals.disarm()

    def _extract_all(self, temp: Path) -> None:
        output = read_output(self._spec.layout)
        if output.earlier_tool_images and not self._spec.force:
            self._skip_all(output.earlier_tool_images)
        else:
            pipeline = self._pipeline or _film_pipeline()
            with pipeline.worker_pool(self._grant, self._signals.check) as pool:
                for film in self._open_films(output, pipeline, pool):
                    self._extract(film, output, pipeline, temp=temp, pool=pool)
        if not self._failures:
            self._meter.finish()

    def _open_films(self, output: Output, pipeline: Pipeline, pool: WorkerPool) -> list[PendingFilm]:
        """The films that are to be extracted; those already complete are skipped, those that are none have failed.

        Workers are being started when there is something to extract.
        """
        spec = self._spec
        pending: list[PendingFilm] = []
        complete = CompleteFilms()
        fingerprints: set[str] = set()
        has_changes = False
        for number, path in enumerate(spec.films, 1):
            film, name = Path(path), spec.name_of(path)
            fingerprint = ""
            self._meter.step()
            try:
                snapshot = FilmSnapshot(film)
                fingerprint = snapshot.fingerprint
                output.keep_place(fingerprint)
                fingerprints.add(fingerprint)
                if not is_redone(spec, output, fingerprint):
                    has_changes |= record_removed(output, fingerprint)
                if is_complete(spec, output, fingerprint):
                    complete.add(output, fingerprint)
                    self._n_skipped += 1
                    self._reporter.note(film_skipped(output.films[fingerprint], forced=spec.force))
                elif fingerprint in {each.fingerprint for each in pending}:
                    self._reporter.note(f"{name}: the same film as another one that was given; extracted once")
                else:
                    pool.warm_up()
                    probe = probe_in_range(pipeline.probe_film(film), self._spec.settings)
                    pending.append(PendingFilm(film, name, number, snapshot, probe))
            except Exception as error:  # noqa: BLE001 - a bad film does not stop the others
                self._film_failed(film, fingerprint, error, output)
        for fingerprint in output.images.keys() - fingerprints:
            has_changes |= record_removed(output, fingerprint)
        if has_changes:
            with self._signals.deferred():
                self._save(output)
        self._meter.expect(
            complete.seconds + sum(each.probe.duration_s for each in pending),
            complete.images,
            image_bytes_found=complete.image_bytes,
            seconds_found=complete.seconds,
        )
        return pending

    def _extract(
        self, pending: PendingFilm, output: Output, pipeline: Pipeline, *, temp: Path, pool: WorkerPool
    ) -> None:
        """The film's images and its entry are on the disk, or its failure is recorded."""
        self._signals.check()
        self._meter.begin(pending.name, pending.number, pending.probe.duration_s)
        extraction = FilmExtraction(pending, self._spec, output, temp, before_change=self._before_change)
        try:
            with pending.snapshot:
                found = extraction.run(pipeline, pool, functools.partial(self._report, pending.snapshot))
                with self._signals.deferred():
                    result = extraction.conclude(found, save=functools.partial(self._save, output))
        except Exception as error:  # noqa: BLE001 - a bad film does not stop the others; failure_of sorts them
            failure = self._film_failed(pending.film, pending.fingerprint, error, output)
            extraction.give_up(for_good=failure.code not in RETRYABLE, has_changed=isinstance(error, FilmChanged))
            self._meter.end_film(images=0)
        else:
            extraction.delete_work()
            self._extracted.append(result)
            self._meter.end_film(result.images)
            log.info("%s", film_decoded(result))
            self._reporter.result(film_done(result, self._spec.layout))
            if extraction.set_aside:
                self._reporter.note(set_aside(extraction.set_aside, self._spec.layout))
        finally:
            extraction.close()

    def _film_failed(self, film: Path, fingerprint: str, error: Exception, output: Output) -> Failure:
        """The failure is reported, and recorded in the results. Raises `error` again when it ends the attempt."""
        # A file may be missing because a newer attempt has moved it.
        self._epoch.require()
        name = self._spec.name_of(film)
        failure = with_film_name(failure_of(error, film), film, name)
        if failure.ends_attempt:
            raise error
        self._fail(failure, error)
        if fingerprint and failure.code is not ExitCode.FILM_CHANGED:
            output.record_failure(
                FilmResult(
                    name=name,
                    path=str(film),
                    fingerprint=fingerprint,
                    status="failed",
                    error=failure.line,
                    failed_ranges=error.ranges if isinstance(error, TooMuchFailed) else (),
                    settings=self._spec.settings,
                    extracted_at=records.now(),
                )
            )
            # Results of an earlier tool stay what they are, of the images that are there, until these are replaced.
            if not output.earlier_tool_images:
                with self._signals.deferred():
                    self._save(output)
        return failure

    def _skip_all(self, images: int) -> None:
        self._n_skipped = len(self._spec.films)
        self._meter.expect(0.0, images)
        self._reporter.note(
            f"{self._spec.layout.results} was written by an earlier tool and counts {count(images, 'image')}: "
            "already extracted; --force extracts again"
        )

    def _save(self, output: Output) -> None:
        config = results_config(self._spec.settings, self._spec.workers)
        for line in output.save(config, before_change=self._before_change):
            self._reporter.note(line)

    def _before_change(self) -> None:
        self._epoch.require()
        self._meter.step()

    def _report(self, snapshot: FilmSnapshot, progress: FilmProgress) -> None:
        self._signals.check()
        if time.monotonic() >= self._check_film_at_s:
            self._check_film_at_s = time.monotonic() + CHECK_FILM_EVERY_S
            snapshot.require()
        if self._heartbeat.is_superseded:
            self._epoch.require()
        self._meter.report(progress)

    def _fail(self, failure: Failure, error: BaseException) -> None:
        self._failures.append(failure)
        self._reporter.failure(failure, error)


def _film_pipeline() -> Pipeline:
    """Imported when it is needed: it takes half a second, and the records of an attempt come before it."""
    from frame_extractor.pipeline import film_pipeline  # noqa: PLC0415

    return film_pipeline
