"""`show`: everything about one project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.regular import read_regular
from frame_extractor.contract.results import MOST_RESULTS_BYTES, Results
from framed.control.verbs.context import VerbContext
from framed.errors import SettingsError
from framed.model.job import Job, Options, Running
from framed.model.project import FrameExtraction, Overrides
from framed.protocol.queries import AttemptFacts, FilmResultFacts, JobFacts, ResultsFacts, SettingFacts, Show, ShowReply
from framed.settings.config import JobSettings, resolve
from framed.watching.auto_submit import options_of

_EXTRACTED_WITH: Final = FrameExtraction.__struct_fields__


async def show(context: VerbContext, params: Show) -> ShowReply:
    (name,) = await context.disk.known((params.project,))
    job = context.ledger.latest(name)
    settings, wrong = await context.disk.run(_resolved, context, name)
    frames_dir = settings.frames_dir if settings else Path(job.options.frames_dir) if job else None
    return ShowReply(
        status=context.status_reporter.project(name),
        settings=tuple(_setting_facts(settings, job)) if settings else (),
        settings_error=wrong,
        notes=context.films.notes(name),
        films=context.films.films(name),
        job=_job_facts(job) if job else None,
        in_work=context.job_status.in_work(name),
        results=await context.disk.run(_results_facts, OutputLayout(frames_dir)) if frames_dir else None,
    )


def _resolved(context: VerbContext, name: str) -> tuple[JobSettings | None, str]:
    """The settings that a submit would use, or the error in the settings file. Blocking."""
    try:
        return resolve(context.settings.now, context.places, name, Overrides()), ""
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
                reason=(outcome.reason or "") if outcome else "",
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
