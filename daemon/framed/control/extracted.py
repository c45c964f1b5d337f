"""What is extracted of each project, from the newest reading of its results: by a scan, or at the end of an attempt.

Reads what the other parts hold; changes nothing, touches no disk.
"""

from __future__ import annotations

from collections.abc import Iterable

from frame_extractor.contract.settings import ExtractionSettings
from framed.attempts.reports import AttemptReports
from framed.model.job import Job, Verdict
from framed.state.ledger import Ledger
from framed.watching.catalog import CatalogProject
from framed.watching.scan import ResultsSummary
from framed.watching.watch import Watcher


class Extracted:
    """`project` is the catalog's entry for the name, None without one."""

    def __init__(self, *, ledger: Ledger, watcher: Watcher, reports: AttemptReports) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._reports = reports

    def results(self, name: str, project: CatalogProject | None) -> ResultsSummary | None:
        job = self._ledger.latest(name)
        if job is not None and self.are_results_gone(job, project):
            return None
        readings = (project.results if project else None, self._reports.results_of(name))
        return max((each for each in readings if each), key=lambda each: each.read_at_s, default=None)

    def total_images(self, name: str, project: CatalogProject | None, *, otherwise: int) -> int:
        newest = self.results(name, project)
        return newest.total_frames if newest else otherwise

    def are_results_gone(self, job: Job, project: CatalogProject | None) -> bool:
        """Whether the results have been removed since they were last read."""
        if project is None or project.results is not None or project.output_dir != job.options.frames_dir:
            return False
        read = self._reports.results_of(job.project)
        return read is None or self._watcher.catalog.results_as_of_s(job.project) > read.read_at_s

    def are_all(
        self,
        name: str,
        project: CatalogProject | None,
        fingerprints: Iterable[str | None],
        settings: ExtractionSettings | None = None,
    ) -> bool:
        """Whether these films, 1 or more, are extracted, with these settings or with any. None: it is still written."""
        results, wanted = self.results(name, project), tuple(fingerprints)
        return (
            results is not None
            and bool(wanted)
            and all(fingerprint is not None and results.has(fingerprint, settings) for fingerprint in wanted)
        )

    def done_fraction(self, job: Job, project: CatalogProject | None) -> float:
        """The fraction of the project's films extracted with the job's settings; with --force, by the job itself."""
        results = self.results(job.project, project)
        films = [film.fingerprint for film in project.films] if project else [film.fingerprint for film in job.films]
        if results is None or not films:
            return 0.0
        done = [
            fingerprint
            for fingerprint in films
            if fingerprint is not None and results.has(fingerprint, job.options.extraction)
        ]
        return sum(not job.force or results.made_by.get(fingerprint) == job.id for fingerprint in done) / len(films)

    def are_cleaned(self, name: str, project: CatalogProject | None) -> bool:
        """Whether what was made of the films in the project's folder has been deleted with `clean`."""
        fingerprints = [film.fingerprint for film in project.films if film.fingerprint is not None] if project else []
        return any(self._ledger.verdict(name, fingerprint) is Verdict.CLEANED for fingerprint in fingerprints)

    def gone_films(self, name: str, project: CatalogProject | None) -> list[str]:
        """The films in the project's folder that were extracted, and whose images are missing."""
        results = self.results(name, project)
        if project is None or results is None:
            return []
        return [film.name for film in project.films if film.fingerprint in results.missing]

    def failed_films(self, name: str, project: CatalogProject | None) -> list[str]:
        """The films in the project's folder that failed, and have not been extracted since."""
        if project is None:
            return []
        return [
            film.name
            for film in project.films
            if film.fingerprint is not None
            and self._ledger.verdict(name, film.fingerprint) is Verdict.FAILED
            and not project.is_extracted(film.fingerprint)
        ]
