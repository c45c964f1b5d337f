"""What each verb does. One method per verb, named for it; errors are raised and become answers in `server`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeVar

import anyio
import msgspec

from framed.config import check_output_is_its_own, resolve
from framed.control.disk import Disk
from framed.control.messages import (
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
    SubmitOutcome,
    SubmitReply,
    Submitted,
)
from framed.control.report import Report
from framed.errors import FramedError, Refused
from framed.intake import options_of
from framed.ledger import Ledger, NewJob, ProjectBusy, new_job_id
from framed.live_settings import LiveSettings
from framed.model.job import Complete, Job, Options, Queued, Retrying, Running, Successor, Verdict
from framed.model.values import as_written
from framed.places import Places
from framed.policy.lifecycle import CancelAsked, Changed, Event, IllegalEvent, Replaced
from framed.scan import films_of, fingerprint_of, read_results, readable_films
from framed.supervise import Supervisor
from framed.watch import Watcher

T = TypeVar("T")

CANCEL_PATIENCE_S: Final = 8.0
"""How long the answer to `cancel` waits for the extractors to be gone."""

_TRIES: Final = 5
"""A job may change between being looked at and being changed; then it is looked at again."""


class ProtocolMismatch(FramedError):
    """The client speaks another major version."""

    def __init__(self, theirs: str) -> None:
        super().__init__(f"this framed speaks protocol {PROTOCOL}, the client {theirs}; restart whichever is older")


class ProjectsNotSaid(FramedError):
    """Neither some projects nor all of them, or both."""

    def __init__(self) -> None:
        super().__init__("say `projects`, or `all`, and not both")


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One submitted project, as it is on the disk."""

    project: str
    options: Options
    is_extracted: bool
    """Every film of it, with these very settings, or by the tool before framed."""


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
        report: Report,
        disk: Disk,
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
        self._changing = anyio.Lock()

    async def hello(self, params: Hello) -> HelloReply:
        if params.protocol.partition(".")[0] != PROTOCOL.partition(".")[0]:
            raise ProtocolMismatch(params.protocol)
        return HelloReply(protocol=PROTOCOL, server=_server_name(), pid=os.getpid(), root=str(self._places.root))

    async def status(self, params: Status) -> StatusReply:
        names = await self._disk.known(params.projects)
        if params.look:
            await self._disk.look()
        return self._report.status(names or sorted(self._report.project_names()))

    async def submit(self, params: Submit) -> SubmitReply:
        """All projects are queued, or none: the first that cannot be is the error. With `all` it is an outcome."""
        async with self._changing:
            if (answered := await self._ledger.reply(params.key)) is not None:
                return msgspec.json.decode(answered, type=SubmitReply)
            if params.every:
                await self._disk.look()
            known = self._report.project_names()
            found: list[_Found | SubmitOutcome] = []
            for name in _named(params, self._report.unextracted):
                try:
                    found.append(await self._disk.ask(self._find, name, params, known))
                except FramedError as wrong:
                    if not params.every:
                        raise
                    found.append(_refused(name, wrong))
            return await _tried_again(lambda: self._submit(params, found))

    async def retry(self, params: Retry) -> RetryReply:
        """As `submit`, with the settings that the projects' last jobs had."""
        async with self._changing:
            if (answered := await self._ledger.reply(params.key)) is not None:
                return msgspec.json.decode(answered, type=RetryReply)
            names = await self._disk.known(_named(params, self._report.failed))
            for name in names:
                await self._disk.ask(films_of, name, self._places.raw_videos, self._report.project_names)
            return await _tried_again(lambda: self._retry(params, names))

    async def cancel(self, params: Cancel) -> CancelReply:
        """Answered when the extractors are gone, or after a while when they take their time."""
        async with self._changing:
            if (answered := await self._ledger.reply(params.key)) is not None:
                return msgspec.json.decode(answered, type=CancelReply)
            names = await self._disk.known(_named(params, lambda: [job.project for job in self._ledger.open_jobs()]))
            reply, jobs = await _tried_again(lambda: self._cancel(params, names))
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

    async def _submit(self, params: Submit, found: Iterable[_Found | SubmitOutcome]) -> SubmitReply:
        outcomes: dict[str, SubmitOutcome] = {}
        new_jobs: list[NewJob] = []
        events: dict[str, Event] = {}
        for each in found:
            latest = self._ledger.latest(each.project)
            if isinstance(each, SubmitOutcome):
                outcome = each
            elif latest is not None and not latest.is_over:
                try:
                    outcome, event = _submitted_again(each, latest, force=params.force, replace=params.replace)
                except Refused as refused:
                    if not params.every:
                        raise
                    outcome, event = _refused(each.project, refused), None
                if event is not None:
                    events[latest.id] = event
            elif each.is_extracted and not params.force:
                message = "already extracted with these settings; --force extracts it again"
                outcome = SubmitOutcome(project=each.project, outcome=Submitted.ALREADY_COMPLETE, message=message)
            else:
                new_jobs.append(NewJob(project=each.project, by="user", options=each.options, force=params.force))
                outcome = SubmitOutcome(project=each.project, outcome=Submitted.QUEUED, message="queued")
            outcomes[each.project] = outcome
        return SubmitReply(outcomes=await self._queued(params.key, outcomes, events, new_jobs, SubmitReply))

    async def _retry(self, params: Retry, names: Iterable[str]) -> RetryReply:
        outcomes: dict[str, SubmitOutcome] = {}
        new_jobs: list[NewJob] = []
        events: dict[str, Event] = {}
        for name in names:
            job = self._ledger.latest(name)
            if job is None:
                raise Refused(f"{name} has not been submitted yet; submit it: framectl submit {name}")
            outcome = SubmitOutcome(project=name, outcome=Submitted.QUEUED, job_id=job.id, message="")
            match job.state:
                case Running(cancelling=True, successor=None):
                    new = Successor(id=new_job_id(), options=job.options, force=job.force)
                    events[job.id] = Replaced(successor=new)
                    message = "queued, with the settings it had; begins when the running one is gone"
                    outcomes[name] = msgspec.structs.replace(outcome, job_id=new.id, message=message)
                case Running() | Queued():
                    message = f"already {'running' if isinstance(job.state, Running) else 'queued'}"
                    outcomes[name] = msgspec.structs.replace(
                        outcome, outcome=Submitted.ALREADY_RUNNING, message=message
                    )
                case Retrying():
                    events[job.id] = Changed(options=job.options, force=job.force)
                    message = "was waiting for its next attempt; tries now"
                    outcomes[name] = msgspec.structs.replace(
                        outcome, outcome=Submitted.ALREADY_RUNNING, message=message
                    )
                case Complete() if name not in self._report.failed():
                    outcomes[name] = msgspec.structs.replace(
                        outcome, outcome=Submitted.ALREADY_COMPLETE, job_id=None, message="nothing of it failed"
                    )
                case _:
                    new_jobs.append(NewJob(project=name, by="user", options=job.options, force=job.force))
                    message = "queued, with the settings it had"
                    outcomes[name] = msgspec.structs.replace(outcome, job_id=None, message=message)
        return RetryReply(outcomes=await self._queued(params.key, outcomes, events, new_jobs, RetryReply))

    async def _queued(
        self,
        key: str,
        outcomes: Mapping[str, SubmitOutcome],
        events: Mapping[str, Event],
        new_jobs: Iterable[NewJob],
        kind: type[SubmitReply | RetryReply],
    ) -> tuple[SubmitOutcome, ...]:
        """The outcomes, with the ids of the new jobs, once all of it is on the disk; the answer, too, under its key.

        Raises Refused when there is something new to begin while framed drains.
        """
        new_jobs = list(new_jobs)
        if self._ledger.is_draining and (new_jobs or events):
            raise Refused("framed is draining and takes nothing new; framectl undrain ends that")
        complete: tuple[SubmitOutcome, ...] = ()

        def answer(jobs: Mapping[str, Job]) -> tuple[str, bytes]:
            nonlocal complete
            complete = tuple(
                outcome
                if outcome.job_id is not None or name not in jobs
                else msgspec.structs.replace(outcome, job_id=jobs[name].id)
                for name, outcome in outcomes.items()
            )
            return key, msgspec.json.encode(kind(outcomes=complete))

        await self._ledger.commit(events, new_jobs, answer=answer)
        self._watcher.look_now()
        return complete

    async def _cancel(self, params: Cancel, names: Iterable[str]) -> tuple[CancelReply, list[Job]]:
        outcomes = []
        events: dict[str, Event] = {}
        verdicts: dict[str, Mapping[str, Verdict]] = {}
        for name in names:
            job = self._ledger.latest(name)
            if job is None or job.is_over:
                message = "nothing of it is queued or running"
            else:
                events[job.id] = CancelAsked()
                message = "cancelled"
                if not isinstance(job.state, Running):
                    marks = await self._fingerprints(name, job)
                    undecided = [mark for mark in marks if self._ledger.verdict(name, mark) is None]
                    verdicts[job.id] = dict.fromkeys(undecided, Verdict.CANCELLED)
            outcomes.append(CancelOutcome(project=name, cancelled=message == "cancelled", message=message))
        reply = CancelReply(outcomes=tuple(outcomes))
        jobs = await self._ledger.commit(
            events, verdicts=verdicts, answer=lambda _jobs: (params.key, msgspec.json.encode(reply))
        )
        return reply, list(jobs.values())

    async def _fingerprints(self, name: str, job: Job) -> Iterable[str]:
        """Of every film in the project's folder, settled or not; as far as they are known when its disk is away."""
        try:
            return await self._disk.ask(_fingerprints_now, self._places.films_dir(name))
        except Refused:
            project = self._watcher.catalog.projects.get(name)
            return {film.fingerprint for film in (*job.films, *(project.settled if project is not None else ()))}

    async def _ended(self, jobs: Iterable[Job]) -> None:
        with anyio.move_on_after(CANCEL_PATIENCE_S):
            while any(self._ledger.is_open(job.id) for job in jobs):
                await self._ledger.change()

    def _find(self, name: str, params: Submit, known: Iterable[str]) -> _Found:
        """Raises NoSuchProject, NoFilm, Refused, SettingsError. Blocking."""
        films = films_of(name, self._places.raw_videos, lambda: known)
        options = options_of(resolve(self._settings.now, self._places, name, params.overrides))
        others = {*known, *params.projects}
        check_output_is_its_own(self._settings.now, self._places, name, Path(options.frames_dir), others)
        results = read_results(Path(options.frames_dir))
        is_extracted = results is not None and all(
            results.has(fingerprint_of(film), options.extraction) for film in films
        )
        return _Found(project=name, options=options, is_extracted=is_extracted)


def _named(params: Submit | Retry | Cancel, every: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """The projects that a request means, each once. Raises ProjectsNotSaid."""
    if bool(params.projects) == params.every:
        raise ProjectsNotSaid
    return tuple(dict.fromkeys(every() if params.every else params.projects))


def _refused(project: str, why: FramedError) -> SubmitOutcome:
    return SubmitOutcome(project=project, outcome=Submitted.REFUSED, message=str(why))


def _submitted_again(found: _Found, job: Job, *, force: bool, replace: bool) -> tuple[SubmitOutcome, Event | None]:
    """What becomes of a project that is submitted while its last job is not over. Raises Refused."""
    if isinstance(job.state, Running):
        return _submitted_while_running(found, job, job.state, force=force, replace=replace)
    is_same = found.options == job.options and (job.force or not force)
    outcome = SubmitOutcome(
        project=job.project, outcome=Submitted.ALREADY_RUNNING, job_id=job.id, message="already queued"
    )
    if not is_same:
        asked, before = _differences(found.options, job.options, force=(force, job.force))
        message = f"was queued already, now with {asked} instead of {before}"
        outcome = SubmitOutcome(project=job.project, outcome=Submitted.QUEUED, job_id=job.id, message=message)
    elif not isinstance(job.state, Queued):
        outcome = msgspec.structs.replace(outcome, message="was waiting for its next attempt; tries now")
    elif job.by == "user":
        return outcome, None
    return outcome, Changed(options=found.options, force=force or job.force)


def _submitted_while_running(
    found: _Found, job: Job, running: Running, *, force: bool, replace: bool
) -> tuple[SubmitOutcome, Event | None]:
    """Of a job that is being cancelled it is the successor that counts, and there may be none yet. Raises Refused."""
    following = running.successor
    current = following or job
    if following is not None or not running.cancelling:
        if found.options == current.options and (current.force or not force):
            message = "already queued, to begin when the running one is gone" if following else "already running"
            outcome = Submitted.ALREADY_RUNNING
            return SubmitOutcome(project=job.project, outcome=outcome, job_id=current.id, message=message), None
        if not replace:
            asked, runs = _differences(found.options, current.options, force=(force, current.force))
            next_step = "--replace ends it and begins again so; or submit it when it is done"
            runs = f"is about to run again with {runs}" if following else f"is running with {runs}"
            raise Refused(f"{job.project} {runs}, not with {asked} as asked; {next_step}")
    new = Successor(id=following.id if following else new_job_id(), options=found.options, force=force)
    message = "queued; begins when the running one is gone, which is being ended"
    return SubmitOutcome(project=job.project, outcome=Submitted.QUEUED, job_id=new.id, message=message), Replaced(
        successor=new
    )


def _differences(asked: Options, had: Options, *, force: tuple[bool, bool]) -> tuple[str, str]:
    """Both settings, as far as they differ: `scene_threshold 25.0`."""
    left, right = _flat(asked, force=force[0]), _flat(had, force=force[1])
    names = [name for name in left if left[name] != right[name]]
    return ", ".join(f"{name} {left[name]}" for name in names), ", ".join(f"{name} {right[name]}" for name in names)


def _flat(options: Options, *, force: bool) -> dict[str, str]:
    values: dict[str, object] = msgspec.to_builtins(options)
    extraction = values.pop("extraction")
    assert isinstance(extraction, dict)
    return {name: as_written(value) for name, value in (extraction | values | {"force": force}).items()}


def _fingerprints_now(folder: Path) -> tuple[str, ...]:
    """Of every film in the folder, settled or not. Raises Refused when it cannot be read. Blocking."""
    return tuple(fingerprint_of(film) for film in readable_films(folder))


async def _tried_again(change: Callable[[], Awaitable[T]]) -> T:
    """The change made against jobs as they were when it was written down."""
    for _ in range(_TRIES):
        try:
            return await change()
        except (IllegalEvent, ProjectBusy):
            continue
    raise Refused("the job changes faster than it can be asked to; try again")


def _server_name() -> str:
    try:
        return f"framed {version('framed')}"
    except PackageNotFoundError:
        return "framed"
