"""Why a job may not start, or may not be at work, whatever its place: its films, the hours, its disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from frame_extractor.contract.estimate import estimate_film
from frame_extractor.contract.process import boot_id
from framed.attempts.reports import AttemptReports
from framed.host.clock import read_clocks
from framed.host.disks import INTERVAL_S, Disks, FreeSpace
from framed.model.job import Job, Moment, Running
from framed.policy.disk import enough_bytes, floor_bytes, is_low, shortage, still_needed_bytes
from framed.policy.hours import changes_in_s, outside, windows_of
from framed.settings.live_settings import LiveSettings
from framed.watching.catalog import CatalogProject
from framed.watching.film_statuses import FilmStatuses
from framed.watching.watch import Watcher

_LOOKING: Final = "looking for films"
_ASKING: Final = "asking how much room its disk has"
_ASKING_POLL_S: Final = 0.1
_CLOCK_S: Final = 60.0
"""The clock on the wall is read at least so often: it may have been set."""
_OLD_S: Final = 10.0
"""A disk that has been silent for so long is said to be."""


@dataclass(frozen=True)
class BlockedJobs:
    """What stands in the way, by job id: one line for a person each."""

    start_blocked: Mapping[str, str]
    """Of starting."""
    run_blocked: Mapping[str, str]
    """Of going on, for those that were started."""
    short_of_disk: Mapping[str, str]
    """Those of both that are about room on a disk, by project."""
    needs_scan: bool
    """Whether somebody waits for the next look at the films."""
    recheck_in_s: float | None
    """When it may be otherwise, though nobody tells; None when somebody will."""


class Blockers:
    """Reads what others hold; of its own it knows only which disks are low."""

    def __init__(
        self,
        *,
        watcher: Watcher,
        standings: FilmStatuses,
        disks: Disks,
        settings: LiveSettings,
        reports: AttemptReports,
    ) -> None:
        self._watcher = watcher
        self._standings = standings
        self._disks = disks
        self._settings = settings
        self._reports = reports
        self._low: set[int] = set()
        """Disks on which nothing may be at work."""
        self._estimates: dict[str, tuple[Job, CatalogProject, int]] = {}
        """Job id -> what an estimate was made of, and the estimate; only where every film has been opened."""

    def find(self, jobs: Collection[Job], seated: Collection[str]) -> BlockedJobs:
        """At this moment. `jobs`: all that are not over. `seated`: ids of those that were started."""
        self._disks.watch(_output(job) for job in jobs)
        for job_id in self._estimates.keys() - {job.id for job in jobs}:
            del self._estimates[job_id]
        windows = windows_of(self._settings.now.budget.run_between)
        local = read_clocks().utc.astimezone()
        closed = outside(windows, local)
        promised: Counter[int] = Counter()
        for job in jobs:
            if job.id in seated and (room := self._room(job)) is not None:
                promised[room.disk] += self._still_needed_bytes(job)
        gates: dict[str, str] = {}
        rests: dict[str, str] = {}
        short: dict[str, str] = {}
        for job in jobs:
            is_seated = job.id in seated
            why = closed if is_seated else self._films(job) or closed
            if not why and not is_seated and self._disks.is_pending(_output(job)):
                why = _ASKING
            elif not why and (room := self._room(job)) is not None:
                why = self._low_words(job, room) if is_seated else self._lack_for(job, room, promised[room.disk])
                if why:
                    short[job.project] = why
            if why:
                (rests if is_seated else gates)[job.id] = why
        again_s = [INTERVAL_S] if short or seated else []
        if _ASKING in gates.values():
            again_s.append(_ASKING_POLL_S)
        if (change_s := changes_in_s(windows, local)) is not None:
            again_s.append(min(change_s, _CLOCK_S))
        needs_a_look = _LOOKING in gates.values()
        return BlockedJobs(gates, rests, short, needs_scan=needs_a_look, recheck_in_s=min(again_s, default=None))

    def _films(self, job: Job) -> str:
        catalog = self._watcher.catalog
        if catalog.problem:
            return catalog.problem
        if job.by == "user" and _is_before(catalog.scanned_at_s, job.submitted):
            return _LOOKING
        project = catalog.projects.get(job.project)
        return self._standings.start_blocker(job, project) if project is not None else ""

    def _low_words(self, job: Job, room: FreeSpace) -> str:
        """What whatever writes on the disk waits for; empty when there is room enough."""
        floor = self._floor_bytes(room)
        if not is_low(room.free_bytes, floor, was_low=room.disk in self._low):
            self._low.discard(room.disk)
            return ""
        self._low.add(room.disk)
        return self._dated(shortage(room.free_bytes, enough_bytes(floor)), job)

    def _lack_for(self, job: Job, room: FreeSpace, promised: int) -> str:
        """What a job that was not started waits for: room for its images, beside what others will still write."""
        if not (floor := self._floor_bytes(room)):
            return ""
        needed = floor + self._estimate_bytes(job)
        return self._low_words(job, room) or self._dated(shortage(room.free_bytes - promised, needed), job)

    def _dated(self, words: str, job: Job) -> str:
        """With the age of what they were made of, when the disk has not answered since."""
        silent_s = self._disks.unresponsive_s(_output(job))
        return f"{words} ({silent_s:.0f} s ago; the disk does not answer)" if words and silent_s >= _OLD_S else words

    def _still_needed_bytes(self, job: Job) -> int:
        """What a job that was started will write yet."""
        progress = self._reports.progress_of(job.id)
        if progress is None:
            return self._estimate_bytes(job)
        given, _is_whole = self._summed(job, [film.fingerprint for film in job.films])
        return still_needed_bytes(given, progress.image_bytes, progress.fraction)

    def _estimate_bytes(self, job: Job) -> int:
        """Of the images that it has yet to make; a film that nobody has opened counts for nothing."""
        project = self._watcher.catalog.projects.get(job.project)
        if project is None:
            return 0
        known = self._estimates.get(job.id)
        if known is not None and known[0] is job and known[1] is project:
            return known[2]
        films = job.films if isinstance(job.state, Running) else self._standings.films_for(job, project)
        results = project.results if not job.force else None
        settings = job.options.extraction
        wanted = [film.fingerprint for film in films if results is None or not results.has(film.fingerprint, settings)]
        estimate, is_whole = self._summed(job, wanted)
        estimate = round(estimate * self._left_share(job, wanted))
        if is_whole:
            self._estimates[job.id] = (job, project, estimate)
        return estimate

    def _left_share(self, job: Job, wanted: Iterable[str]) -> float:
        """Of these films, the part that earlier attempts have not done: what they have done is on the disk."""
        outcome = job.last_attempt.outcome if job.last_attempt is not None else None
        total_s = sum(probe.duration_s for probe in map(self._standings.probe_of, wanted) if probe is not None)
        if outcome is None or outcome.film_left_s is None or not total_s:
            return 1.0
        return min(1.0, outcome.film_left_s / total_s)

    def _summed(self, job: Job, fingerprints: Sequence[str]) -> tuple[int, bool]:
        """What these films give, and whether all of them are in it."""
        settings = job.options.extraction
        probes = [probe for probe in map(self._standings.probe_of, fingerprints) if probe is not None]
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
