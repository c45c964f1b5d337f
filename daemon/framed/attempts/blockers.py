"""What prevents a job from starting, or its workers from running: its films, the hours, its disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from frame_extractor.contract.estimate import estimate_film
from frame_extractor.contract.process import boot_id
from framed.attempts.reports import AttemptReports
from framed.host.clock import read_clocks
from framed.host.disks import INTERVAL_S, Disks, FreeSpace
from framed.model.job import Job, Moment, Running
from framed.model.reasons import DiskLow, DiskPending, ScanPending, Suspension, Waiting
from framed.policy.disk import enough_bytes, floor_bytes, is_low, shortage, still_needed_bytes
from framed.policy.hours import changes_in_s, outside, windows_of
from framed.settings.live_settings import LiveSettings
from framed.watching.catalog import CatalogProject
from framed.watching.film_statuses import FilmStatuses
from framed.watching.watch import Watcher

_DISK_PENDING_POLL_S: Final = 0.1
_CLOCK_S: Final = 60.0
"""The wall clock may be set; it is read at least this often."""
_OLD_S: Final = 10.0
"""From this age on, the figures of a disk that does not respond are shown with their age."""


@dataclass(frozen=True)
class BlockedJobs:
    """What blocks jobs, by job id."""

    start_blocked: Mapping[str, Waiting]
    """Of jobs without an extractor."""
    run_blocked: Mapping[str, Suspension]
    """Of jobs with an extractor."""
    short_of_disk: Mapping[str, DiskLow]
    """The blockers among both that are about disk space, by project."""
    needs_scan: bool
    """Whether a job waits for the next scan."""
    recheck_in_s: float | None
    """When to check again; None when a notification announces the next change."""


class Blockers:
    """Reads the state of other parts; its own state is which disks are low."""

    def __init__(
        self,
        *,
        watcher: Watcher,
        film_statuses: FilmStatuses,
        disks: Disks,
        settings: LiveSettings,
        reports: AttemptReports,
    ) -> None:
        self._watcher = watcher
        self._film_statuses = film_statuses
        self._disks = disks
        self._settings = settings
        self._reports = reports
        self._low: set[int] = set()
        """Disks on which no worker may run."""
        self._estimates: dict[str, tuple[Job, CatalogProject, int]] = {}
        """Job id -> what an estimate is based on, and the estimate; only of jobs whose films are all probed."""

    def find(self, jobs: Collection[Job], started: Collection[str]) -> BlockedJobs:
        """The blockers at this moment. `jobs`: all that are not over. `started`: ids of those with an extractor."""
        self._disks.watch(_output(job) for job in jobs)
        for job_id in self._estimates.keys() - {job.id for job in jobs}:
            del self._estimates[job_id]
        windows = windows_of(self._settings.now.budget.run_between)
        local = read_clocks().utc.astimezone()
        closed = outside(windows, local)
        promised: Counter[int] = Counter()
        for job in jobs:
            if job.id in started and (room := self._room(job)) is not None:
                promised[room.disk] += self._still_needed_bytes(job)
        start_blocked: dict[str, Waiting] = {}
        run_blocked: dict[str, Suspension] = {}
        short: dict[str, DiskLow] = {}
        for job in jobs:
            if job.id in started:
                if (suspension := closed or self._disk_low(job)) is not None:
                    run_blocked[job.id] = suspension
            elif (blocker := self._film_blocker(job) or closed or self._room_blocker(job, promised)) is not None:
                start_blocked[job.id] = blocker
        for job in jobs:
            found = start_blocked.get(job.id) or run_blocked.get(job.id)
            if isinstance(found, DiskLow):
                short[job.project] = found
        again_s = [INTERVAL_S] if short or started else []
        if any(isinstance(each, DiskPending) for each in start_blocked.values()):
            again_s.append(_DISK_PENDING_POLL_S)
        if (change_s := changes_in_s(windows, local)) is not None:
            again_s.append(min(change_s, _CLOCK_S))
        return BlockedJobs(
            start_blocked,
            run_blocked,
            short,
            needs_scan=any(isinstance(each, ScanPending) for each in start_blocked.values()),
            recheck_in_s=min(again_s, default=None),
        )

    def _film_blocker(self, job: Job) -> Waiting | None:
        catalog = self._watcher.catalog
        if catalog.problem is not None:
            return catalog.problem
        if job.by == "user" and _is_before(catalog.scanned_at_s, job.submitted):
            return ScanPending()
        project = catalog.projects.get(job.project)
        return self._film_statuses.start_blocker(job, project) if project is not None else None

    def _room_blocker(self, job: Job, promised: Mapping[int, int]) -> DiskPending | DiskLow | None:
        """What a job without an extractor waits for: space for its images, beyond what running jobs will still write.

        `promised`: disk -> bytes that running jobs will still write.
        """
        if self._disks.is_pending(_output(job)):
            return DiskPending()
        room = self._room(job)
        if room is None or not (floor := self._floor_bytes(room)):
            return None
        needed = floor + self._estimate_bytes(job)
        return self._disk_low(job) or self._dated(shortage(room.free_bytes - promised[room.disk], needed), job)

    def _disk_low(self, job: Job) -> DiskLow | None:
        """What every job waits for whose images are on the same disk as this one's."""
        room = self._room(job)
        if room is None:
            return None
        floor = self._floor_bytes(room)
        if not is_low(room.free_bytes, floor, was_low=room.disk in self._low):
            self._low.discard(room.disk)
            return None
        self._low.add(room.disk)
        return self._dated(shortage(room.free_bytes, enough_bytes(floor)), job)

    def _dated(self, low: DiskLow | None, job: Job) -> DiskLow | None:
        """With the age of its figures, if the disk does not respond."""
        silent_s = self._disks.unresponsive_s(_output(job))
        return msgspec.structs.replace(low, measured_s_ago=round(silent_s)) if low and silent_s >= _OLD_S else low

    def _still_needed_bytes(self, job: Job) -> int:
        """What a job with an extractor will still write."""
        progress = self._reports.progress_of(job.id)
        if progress is None:
            return self._estimate_bytes(job)
        given, _is_complete = self._summed(job, [film.fingerprint for film in job.films])
        return still_needed_bytes(given, progress.image_bytes, progress.fraction)

    def _estimate_bytes(self, job: Job) -> int:
        """Of the images that are not made yet. Films that are not probed are left out."""
        project = self._watcher.catalog.projects.get(job.project)
        if project is None:
            return 0
        known = self._estimates.get(job.id)
        if known is not None and known[0] is job and known[1] is project:
            return known[2]
        films = job.films if isinstance(job.state, Running) else self._film_statuses.films_for(job, project)
        results = project.results if not job.force else None
        settings = job.options.extraction
        wanted = [film.fingerprint for film in films if results is None or not results.has(film.fingerprint, settings)]
        estimate, is_complete = self._summed(job, wanted)
        estimate = round(estimate * self._left_share(job, wanted))
        if is_complete:
            self._estimates[job.id] = (job, project, estimate)
        return estimate

    def _left_share(self, job: Job, wanted: Iterable[str]) -> float:
        """The fraction of these films that earlier attempts have not done; images of the rest are on the disk."""
        outcome = job.last_attempt.outcome if job.last_attempt is not None else None
        total_s = sum(probe.duration_s for probe in map(self._film_statuses.probe_of, wanted) if probe is not None)
        if outcome is None or outcome.film_left_s is None or not total_s:
            return 1.0
        return min(1.0, outcome.film_left_s / total_s)

    def _summed(self, job: Job, fingerprints: Sequence[str]) -> tuple[int, bool]:
        """The estimate for these films, and whether all of them are probed."""
        settings = job.options.extraction
        probes = [probe for probe in map(self._film_statuses.probe_of, fingerprints) if probe is not None]
        total = sum(estimate_film(probe, settings, workers=1).size_bytes for probe in probes)
        return total, len(probes) == len(fingerprints)

    def _floor_bytes(self, room: FreeSpace) -> int:
        return floor_bytes(room.total_bytes, self._settings.now.budget.disk_floor_gb)

    def _room(self, job: Job) -> FreeSpace | None:
        return self._disks.free_space_on(_output(job))


def _output(job: Job) -> str:
    return job.options.frames_dir


def _is_before(monotonic_s: float, moment: Moment) -> bool:
    return moment.boot_id == boot_id() and monotonic_s < moment.monotonic_s
