"""The verbs that only ask: projects, settings, show, logs, attach. One method per verb, named for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.regular import read_regular
from frame_extractor.contract.results import MOST_RESULTS_BYTES, Results
from framed.control.bounded_disk import BoundedDisk
from framed.control.status_reporter import StatusReporter
from framed.engines import Engine, EngineUnresponsive
from framed.errors import Refused, SettingsError
from framed.model.job import Job, Options, Running
from framed.model.project import FrameExtraction, Overrides
from framed.protocol.queries import (
    MOST_LOG_BYTES,
    AskSettings,
    Attach,
    AttachReply,
    AttemptFacts,
    FilmResultFacts,
    JobFacts,
    KeyFacts,
    Logs,
    LogsReply,
    Projects,
    ProjectsReply,
    ResultsFacts,
    SettingFacts,
    SettingsReply,
    Show,
    ShowReply,
)
from framed.settings.config import JobSettings, described, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.tail import read_on, start_of_last_lines
from framed.watching.auto_submit import options_of

_EXTRACTED_WITH: Final = FrameExtraction.__struct_fields__


class Queries:
    """Any number of clients may ask at once; nothing is changed."""

    def __init__(
        self,
        *,
        places: Places,
        settings: LiveSettings,
        ledger: Ledger,
        engine: Engine,
        report: StatusReporter,
        disk: BoundedDisk,
    ) -> None:
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._engine = engine
        self._report = report
        self._disk = disk

    async def projects(self, params: Projects) -> ProjectsReply:  # noqa: ARG002 -- every verb takes its params
        return self._report.projects(str(self._places.raw_videos))

    async def settings(self, params: AskSettings) -> SettingsReply:  # noqa: ARG002 -- every verb takes its params
        live = self._settings
        return SettingsReply(
            file=str(self._places.settings_file),
            settings=tuple(
                KeyFacts(name=name, value=value, origin=origin)
                for name, value, origin in described(live.now, self._places)
            ),
            error=live.problem,
            need_restart=live.need_restart,
        )

    async def show(self, params: Show) -> ShowReply:
        (name,) = await self._disk.known((params.project,))
        job = self._ledger.latest(name)
        settings, wrong = await self._disk.run(self._settings_of, name)
        frames_dir = settings.frames_dir if settings else Path(job.options.frames_dir) if job else None
        return ShowReply(
            status=self._report.project(name),
            settings=tuple(_setting_facts(settings, job)) if settings else (),
            settings_error=wrong,
            notes=self._report.notes(name),
            films=self._report.films(name),
            job=_job_facts(job) if job else None,
            in_work=self._report.in_work(name),
            results=await self._disk.run(_results_facts, OutputLayout(frames_dir)) if frames_dir else None,
        )

    async def logs(self, params: Logs) -> LogsReply:
        """Raises Refused for a project that never had a job; one whose job has not begun has an empty log."""
        (name,) = await self._disk.known((params.project,))
        job = self._ledger.latest(name)
        if job is None:
            raise Refused(f"{name} has no log: it has not been submitted yet")
        # Asked before the file is read: what a job writes, it writes before it is over.
        state, is_over = self._report.project(name).state, job.is_over
        path = Path(job.log_path)
        offset = params.offset
        if offset is None:
            offset = await self._disk.run(start_of_last_lines, path, params.lines)
        content, size_bytes = await self._disk.run(read_on, path, offset, MOST_LOG_BYTES)
        return LogsReply(
            project=name,
            job_id=job.id,
            path=job.log_path,
            state=state,
            is_over=is_over,
            offset=offset,
            next_offset=offset + len(content),
            size_bytes=size_bytes,
            content=content,
        )

    async def attach(self, params: Attach) -> AttachReply:
        """Raises Refused when there is nothing to attach to."""
        (name,) = await self._disk.known((params.project,))
        session = self._engine.session_name(name)
        try:
            exists = (await self._engine.inspect(session)).exists
        except EngineUnresponsive as silent:
            raise Refused(f"{silent}; see its log instead: framectl logs {name}") from None
        if not exists:
            state = self._report.project(name).state.value
            raise Refused(f"{name} is {state} and has no terminal now; see its log: framectl logs {name}")
        argv = self._engine.attach_command(session, write=params.write)
        return AttachReply(project=name, session=session, argv=tuple(argv))

    def _settings_of(self, name: str) -> tuple[JobSettings | None, str]:
        """What a submit would take, or what is wrong with the settings file. Blocking."""
        try:
            return resolve(self._settings.now, self._places, name, Overrides()), ""
        except SettingsError as wrong:
            return None, str(wrong)


def _setting_facts(settings: JobSettings, job: Job | None) -> Iterator[SettingFacts]:
    now = _values(options_of(settings))
    then = _values(job.options) if job else {}
    for name in (*_EXTRACTED_WITH, "frames_dir"):
        yield SettingFacts(name=name, value=now[name], origin=settings.origins[name], job_value=then.get(name))


def _values(options: Options) -> dict[str, str | int | float | bool]:
    values = msgspec.to_builtins(options)
    return {"workers_per_project": values.pop("workers"), **values.pop("extraction"), **values}


def _job_facts(job: Job) -> JobFacts:
    attempts = (*job.attempts, *((job.state.attempt,) if isinstance(job.state, Running) else ()))
    facts = []
    for attempt in attempts:
        outcome = attempt.outcome
        facts.append(
            AttemptFacts(
                number=attempt.number,
                ordinal=attempt.ordinal,
                workers=attempt.workers,
                started_at=attempt.started_at,
                ended_at=outcome.ended_at if outcome else None,
                ending=outcome.ending if outcome else None,
                code=outcome.code if outcome else None,
                reason=outcome.reason if outcome else "",
                images=outcome.images if outcome else 0,
                wall_s=outcome.wall_s if outcome else None,
            )
        )
    return JobFacts(
        id=job.id,
        by=job.by,
        force=job.force,
        restore=job.restore,
        submitted_at=job.submitted.utc,
        failures=job.failures,
        attempts=tuple(facts),
    )


def _results_facts(layout: OutputLayout) -> ResultsFacts | None:
    """None when there are no results, or none that can be read. Blocking."""
    try:
        results = msgspec.json.decode(read_regular(layout.results, MOST_RESULTS_BYTES), type=Results)
    except (OSError, ValueError, RecursionError):
        return None
    return ResultsFacts(
        path=str(layout.results),
        manifest=str(layout.manifest),
        total_frames=results.total_frames,
        timestamp=results.timestamp,
        films=tuple(
            FilmResultFacts(**{name: getattr(film, name) for name in FilmResultFacts.__struct_fields__})
            for film in results.films
        ),
    )
