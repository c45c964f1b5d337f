"""What each verb does. One method per verb, named for it; errors are raised and become answers in `server`."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeVar

import anyio

from framed.attempts.supervise import Supervisor
from framed.control.bounded_disk import BoundedDisk
from framed.control.changes import named
from framed.control.idempotency import Keep
from framed.control.status_reporter import StatusReporter
from framed.control.submission import SubmissionStep, SubmittedProject, refused, resubmission, submission
from framed.errors import FramedError, Refused, SettingsError
from framed.model.job import Job, Running, Verdict
from framed.model.project import Overrides
from framed.policy.lifecycle import CancelRequested, Event
from framed.protocol.messages import (
    PROTOCOL,
    Cancel,
    CancelOutcome,
    CancelReply,
    Hello,
    HelloReply,
    Retry,
    RetryReply,
    Shutdown,
    ShutdownReply,
    Status,
    StatusReply,
    Submit,
    SubmitReply,
)
from framed.protocol.queries import FilmState
from framed.settings.config import resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.mount_guard import why_not_mounted
from framed.settings.outputs import Outputs
from framed.settings.places import Places
from framed.state.ledger import Change, Ledger
from framed.state.replies import KeptReply
from framed.watching.auto_submit import options_of
from framed.watching.listing import SeenFilm
from framed.watching.scan import films_of, fingerprint_of, folder_of, read_results, readable_films
from framed.watching.watch import Watcher

Reply = TypeVar("Reply", SubmitReply, RetryReply)

CANCEL_PATIENCE_S: Final = 8.0
"""How long the answer to `cancel` waits for the extractors to be gone."""


class ProtocolMismatch(FramedError):
    """The client speaks another major version."""

    def __init__(self, theirs: str) -> None:
        super().__init__(f"this framed speaks protocol {PROTOCOL}, the client {theirs}; restart whichever is older")


class Handlers:
    """The verbs. Any number of clients may call at once."""

    def __init__(
        self,
        *,
        places: Places,
        settings: LiveSettings,
        ledger: Ledger,
        watcher: Watcher,
        supervisor: Supervisor,
        report: StatusReporter,
        disk: BoundedDisk,
        shut_down: Callable[[], None],
    ) -> None:
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._watcher = watcher
        self._supervisor = supervisor
        self._report = report
        self._disk = disk
        self._shut_down = shut_down

    async def hello(self, params: Hello) -> HelloReply:
        if params.protocol.partition(".")[0] != PROTOCOL.partition(".")[0]:
            raise ProtocolMismatch(params.protocol)
        return HelloReply(protocol=PROTOCOL, server=_server_name(), pid=os.getpid(), root=str(self._places.root))

    async def status(self, params: Status) -> StatusReply:
        names = await self._disk.known(params.projects)
        if params.look:
            await self._disk.scan()
        return self._report.status(names or sorted(self._report.project_names()))

    async def submit(self, params: Submit, keep: Keep) -> SubmitReply:
        """All projects are queued, or none: the first that cannot be is the error. With `all` it is an outcome."""
        if params.every:
            await self._disk.scan()
        known = self._report.project_names()
        outputs = await self._disk.run(Outputs, self._settings.now, self._places, {*known, *params.projects})
        settings = outputs.extraction(params.overrides)
        names = named(params, lambda: self._report.unextracted(settings, force=params.force, restore=params.restore))
        found: list[SubmittedProject | SubmissionStep] = []
        for name in names:
            try:
                found.append(await self._disk.run(self._find, name, params, known, outputs))
            except FramedError as wrong:
                if not params.every:
                    raise
                found.append(refused(name, wrong))
        return await self._taken(lambda: [self._submitted(each, params) for each in found], SubmitReply, keep)

    async def retry(self, params: Retry, keep: Keep) -> RetryReply:
        """As `submit`, with the settings that the projects' last jobs had."""
        names = await self._disk.known(named(params, self._report.failed))
        for name in names:
            await self._disk.run(self._films_of, name, self._report.project_names())
        return await self._taken(lambda: self._retried(names), RetryReply, keep)

    async def cancel(self, params: Cancel, keep: Keep) -> CancelReply:
        """Answered when the extractors are gone, or after a while when they take their time."""
        names = await self._disk.known(named(params, lambda: [job.project for job in self._ledger.open_jobs()]))
        latest = [(name, self._ledger.latest(name)) for name in names]
        films = {name: await self._fingerprints(name, job) for name, job in latest if job is not None and _waits(job)}
        reply = CancelReply(outcomes=())

        def decision() -> Change:
            nonlocal reply
            reply, change = self._cancelled(names, films, keep)
            return change

        jobs = (await self._ledger.decide(decision)).values()
        for job in jobs:
            if job.is_over and job.attempts:
                await self._supervisor.close_session(job.project)
                await self._supervisor.clear_temp(job)
        await self._ended(jobs)
        return reply

    async def shutdown(self, params: Shutdown) -> ShutdownReply:  # noqa: ARG002 -- every verb takes its params
        running = [job.project for job in self._ledger.open_jobs() if isinstance(job.state, Running)]
        self._shut_down()
        return ShutdownReply(running=tuple(running))

    def _submitted(self, found: SubmittedProject | SubmissionStep, params: Submit) -> SubmissionStep:
        if isinstance(found, SubmissionStep):
            return found
        try:
            return submission(found, self._ledger.latest(found.project), params)
        except Refused as why:
            if not params.every:
                raise
            return refused(found.project, why)

    def _retried(self, names: Iterable[str]) -> list[SubmissionStep]:
        failed = self._report.failed()
        return [resubmission(name, self._ledger.latest(name), has_failed=name in failed) for name in names]

    async def _taken(self, decided: Callable[[], list[SubmissionStep]], kind: type[Reply], keep: Keep) -> Reply:
        """The reply, with the ids of the new jobs, once all of it is on the disk, and the reply too, under its key.

        `decided`: what is to be done for each project, by how its job is doing at that moment. Raises Refused when
        there is something new to begin while framed drains, and what `decided` raises.
        """
        reply = kind(outcomes=())

        def decision() -> Change:
            steps = decided()
            events = {step.job_id: step.event for step in steps if step.event is not None}
            new_jobs = [step.new_job for step in steps if step.new_job is not None]
            if self._ledger.is_draining and (new_jobs or events):
                raise Refused("framed is draining and takes nothing new; framectl undrain ends that")

            def answer(jobs: Mapping[str, Job]) -> KeptReply:
                nonlocal reply
                reply = kind(outcomes=tuple(step.outcome(jobs) for step in steps))
                return keep(reply)

            return Change(events=events, new_jobs=new_jobs, answer=answer)

        await self._ledger.decide(decision)
        self._watcher.scan_now()
        return reply

    def _cancelled(
        self, names: Iterable[str], films: Mapping[str, Iterable[str]], keep: Keep
    ) -> tuple[CancelReply, Change]:
        """`films`: fingerprints that the jobs of projects are for, as far as these were waiting."""
        outcomes = []
        events: dict[str, Event] = {}
        verdicts: dict[str, Mapping[str, Verdict]] = {}
        for name in names:
            job = self._ledger.latest(name)
            if job is None or job.is_over:
                message = "nothing of it is queued or running"
            else:
                events[job.id] = CancelRequested()
                message = "cancelled"
                if not isinstance(job.state, Running):
                    marks = films.get(name, self._known_fingerprints(name, job))
                    undecided = [mark for mark in marks if self._ledger.verdict(name, mark) is None]
                    verdicts[job.id] = dict.fromkeys(undecided, Verdict.CANCELLED)
            outcomes.append(CancelOutcome(project=name, cancelled=message == "cancelled", message=message))
        reply = CancelReply(outcomes=tuple(outcomes))
        return reply, Change(events=events, verdicts=verdicts, answer=lambda _jobs: keep(reply))

    async def _fingerprints(self, name: str, job: Job) -> Iterable[str]:
        """Of the films in the folder that the job may be for; as far as they are known when its disk is away.

        Ignored films that it is not for have been given up by nobody.
        """
        ignored = {film.name for film in self._report.films(name) if film.state is FilmState.IGNORED}
        but_not = frozenset() if job.with_ignored else frozenset(ignored)
        try:
            return await self._disk.run(self._fingerprints_now, name, but_not)
        except Refused:
            return self._known_fingerprints(name, job)

    def _known_fingerprints(self, name: str, job: Job) -> Iterable[str]:
        project = self._watcher.catalog.projects.get(name)
        return {film.fingerprint for film in (*job.films, *(project.settled if project is not None else ()))}

    async def _ended(self, jobs: Iterable[Job]) -> None:
        with anyio.move_on_after(CANCEL_PATIENCE_S):
            while any(self._ledger.is_open(job.id) for job in jobs):
                await self._ledger.wait_for_change()

    def _films_of(self, name: str, known: Iterable[str]) -> tuple[SeenFilm, ...]:
        """Raises NoSuchProject, NoFilm, Refused. Blocking."""
        folder = folder_of(name, self._places.raw_videos, lambda: known)
        return films_of(folder, subfolders=self._takes_subfolders(name))

    def _fingerprints_now(self, name: str, but_not: Container[str]) -> tuple[str, ...]:
        """Of the films in the folder, settled or not. Raises Refused when it cannot be read. Blocking."""
        folder = self._places.films_dir(name)
        listing = readable_films(folder, subfolders=self._takes_subfolders(name))
        return tuple(fingerprint_of(film) for film in listing.films.values() if film.name not in but_not)

    def _takes_subfolders(self, name: str) -> bool:
        """Where its settings are wrong, as framed.yaml says. Blocking."""
        try:
            return resolve(self._settings.now, self._places, name, Overrides()).subfolders
        except SettingsError:
            return self._settings.now.watch.subfolders

    def _find(self, name: str, params: Submit, known: Iterable[str], outputs: Outputs) -> SubmittedProject:
        """Raises NoSuchProject, NoFilm, Refused, SettingsError. Blocking."""
        folder = folder_of(name, self._places.raw_videos, lambda: known)
        settings = resolve(self._settings.now, self._places, name, params.overrides)
        films = films_of(folder, subfolders=settings.subfolders)
        options = options_of(settings)
        outputs.check(name)
        if why := why_not_mounted(settings.frames_dir, self._places):
            raise Refused(f"the images of {name} would go to {settings.frames_dir}: {why}")
        results = read_results(Path(options.frames_dir))
        marks = [fingerprint_of(film) for film in films]
        is_extracted = results is not None and all(results.has(mark, options.extraction) for mark in marks)
        n_removed = sum(results.removed.get(mark, 0) for mark in marks) if results is not None else 0
        return SubmittedProject(project=name, options=options, is_extracted=is_extracted, n_removed=n_removed)


def _waits(job: Job) -> bool:
    return not job.is_over and not isinstance(job.state, Running)


def _server_name() -> str:
    try:
        return f"framed {version('framed')}"
    except PackageNotFoundError:
        return "framed"
