"""One film of an attempt: from what earlier attempts have left of it to its images and its entry in the results."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from frame_extractor.attempt import records
from frame_extractor.attempt.earlier_work import is_redone
from frame_extractor.attempt.film_snapshot import FilmSnapshot
from frame_extractor.attempt.work_folder import adopt_pictures
from frame_extractor.contract.answers import Probe
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.durable import sync_file_system
from frame_extractor.contract.process import boot_id
from frame_extractor.contract.results import FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.output import journal, publish
from frame_extractor.output.manifest import Output
from frame_extractor.output.names import picture_name
from frame_extractor.output.own_files import OwnFiles

if TYPE_CHECKING:
    from frame_extractor.output.picture import Images
    from frame_extractor.pipeline.film_progress import FilmProgress
    from frame_extractor.pipeline.score_cache import ScoreCache
    from frame_extractor.workers.grant import WorkerGrant
    from frame_extractor.workers.pool import WorkerPool

log = logging.getLogger("frame_extractor")


class Pipeline(Protocol):
    """The pipeline, as seen from here: the module `frame_extractor.pipeline.film_pipeline` is one."""

    def probe_film(self, film: Path) -> Probe: ...

    def worker_pool(self, grant: WorkerGrant, check: Callable[[], None]) -> WorkerPool: ...

    def extract_film(
        self,
        film: Path,
        *,
        settings: ExtractionSettings,
        pool: WorkerPool,
        temp: Path,
        images: Images,
        cache: ScoreCache,
        report: Callable[[FilmProgress], None],
    ) -> FilmResult: ...


@dataclass(frozen=True)
class PendingFilm:
    """A film that is to be extracted."""

    film: Path
    name: str
    """As in the results."""
    number: int
    """1-based, among the films of the attempt."""
    snapshot: FilmSnapshot
    probe: Probe

    @property
    def fingerprint(self) -> str:
        return self.snapshot.fingerprint


class FilmExtraction:
    """`run`, `conclude`, `delete_work`; `give_up` when one of the first two raised; `close` in the end."""

    def __init__(
        self, pending: PendingFilm, spec: AttemptSpec, output: Output, temp: Path, *, before_change: Callable[[], None]
    ) -> None:
        """`before_change` is called before anything outside `temp` is changed, and may raise."""
        # Imported when it is needed, as the pipeline is.
        from frame_extractor.pipeline.score_cache import ScoreCache  # noqa: PLC0415

        self._pending = pending
        self._spec = spec
        self._output = output
        self._temp = temp
        self._is_redone = is_redone(spec, output, pending.fingerprint)
        """Removed images come back as well."""
        self._before_change = before_change
        self._began_s = time.monotonic()
        self._publisher: publish.Publisher | None = None
        self.set_aside: list[Path] = []
        """Where files are now that were in `frames/` under the name of an image, and are not ours."""
        self._cache: ScoreCache = ScoreCache(
            spec.layout,
            pending.fingerprint,
            spec.settings,
            job_id=spec.job_id,
            force=spec.force,
            film_modified_ns=pending.snapshot.modified_ns,
            before_change=before_change,
        )

    def run(self, pipeline: Pipeline, pool: WorkerPool, report: Callable[[FilmProgress], None]) -> FilmResult:
        """All its images are in `frames/`; returns its result, without what `conclude` adds. Raises every error."""
        if line := self._cache.describe():
            log.info("%s: %s", self._pending.name, line)
        self._before_change()
        place = Path(self._pending.fingerprint, self._spec.settings.image_key)
        pictures = adopt_pictures(
            self._spec.layout, self._temp, place, {picture_name(frame) for frame in self._cache.written}
        )
        self._publisher = self._opened_publisher(pictures)
        found = pipeline.extract_film(
            self._pending.film,
            settings=self._spec.settings,
            pool=pool,
            temp=pictures,
            images=self._publisher,
            cache=self._cache,
            report=report,
        )
        self._pending.snapshot.require(at_end=True)
        return found

    def conclude(self, found: FilmResult, *, save: Callable[[], None]) -> FilmResult:
        """The film's entry is in the results, which `save` writes. Not to be interrupted."""
        assert self._publisher is not None, "run before"
        entries = self._publisher.complete()
        result = msgspec.structs.replace(
            found,
            name=self._pending.name,
            folder=self._publisher.folder,
            job_id=self._spec.job_id,
            images=sum(not entry.removed for entry in entries),
            removed=sum(entry.removed for entry in entries),
            rejected=self._publisher.rejected.counts,
            wall_s=round(time.monotonic() - self._began_s, 3),
            extracted_at=records.now(),
        )
        if self._is_redone:
            self._output.removals.restore(self._pending.fingerprint)
        self._output.removals.add(self._pending.fingerprint, self._publisher.removed_meanwhile)
        self._output.record(result, entries, self._publisher.rejected.entries())
        self.set_aside = self._publisher.set_aside
        if self._output.earlier_tool_images:
            self.set_aside += self._set_earlier_images_aside()
        sync_file_system(self._spec.layout.frames_dir)
        save()
        self._publisher.delete_journal()
        return result

    def give_up(self, *, for_good: bool, has_changed: bool) -> None:
        """Another attempt may continue from here, unless `for_good` or `has_changed`: then what was made is deleted."""
        is_over = for_good or has_changed
        if self._publisher is not None:
            self._publisher.give_up(for_good=is_over)
        if is_over:
            self.delete_work()
        if has_changed:
            self._cache.delete()

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()

    def delete_work(self) -> None:
        """What is kept for another attempt is deleted."""
        self._cache.delete_spans()
        shutil.rmtree(self._temp / self._pending.fingerprint, ignore_errors=True)

    def _set_earlier_images_aside(self) -> list[Path]:
        """The images of the tool before this one, now that a film of this one is complete, as its results are."""
        self._before_change()
        layout = self._spec.layout
        listed = (entry for fingerprint in self._output.order for entry in self._output.entries(fingerprint))
        return OwnFiles.named_by(layout, listed, journal.journals(layout)).set_unlisted_aside()

    def _opened_publisher(self, pictures: Path) -> publish.Publisher:
        pending, spec, output = self._pending, self._spec, self._output
        listed = {*output.images, *output.removed}
        if pending.fingerprint not in listed:
            journal.inherit(spec.layout, pending.film, pending.fingerprint, but_not_from=listed)
        header = journal.JournalHeader(
            film=str(pending.film),
            name=pending.name,
            folder=output.folder_for(pending.name, pending.fingerprint, journal.claims(spec.layout)),
            film_modified_ns=pending.snapshot.modified_ns,
            image_key=spec.settings.image_key,
            job_id=spec.job_id,
            boot_id=boot_id(),
        )
        earlier = output.films.get(pending.fingerprint)
        return publish.Publisher(
            spec.layout,
            fingerprint=pending.fingerprint,
            header=header,
            listed=output.images.get(pending.fingerprint, ()),
            is_usable=lambda section: (
                (section.image_key, section.film_modified_ns) == (header.image_key, header.film_modified_ns)
                and (not spec.force or section.job_id == header.job_id)
            ),
            listed_is_usable=earlier is not None and not spec.force and earlier.image_key == header.image_key,
            taken_over=pictures,
            removed=() if self._is_redone else output.removals.of(pending.fingerprint),
            removed_since=journal.removed_since(
                spec.layout,
                pending.fingerprint,
                lambda section: (
                    section.boot_id == header.boot_id and (not self._is_redone or section.job_id == header.job_id)
                ),
            ),
            rejected=output.rejected.get(pending.fingerprint, ()),
            names=spec.settings.names,
            before_change=self._before_change,
        )
