"""Reads the state back from the output folders, when the database is damaged. Blocking; changes nothing.

An output folder has the results, and a record of each attempt. The same rules are applied to them as while the daemon
runs, so that an attempt has the same consequence. An attempt without an exit record counts as running; its supervision
finds out how it ended.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.quantities import count
from framed.attempts.attempt_files import PastAttempt, past_attempts
from framed.errors import Refused, SettingsError, is_one_name, is_utf8, listed
from framed.host.clock import read_clocks
from framed.model.job import (
    Attempt,
    Cancelled,
    Ending,
    FilmVerdict,
    Job,
    JobFilm,
    Moment,
    Options,
    Outcome,
    Queued,
    Running,
    Verdict,
)
from framed.model.project import FrameExtraction, Overrides
from framed.policy.ending import Evidence, conclude
from framed.policy.lifecycle import KEPT_ATTEMPTS, Ended, Started, advance
from framed.policy.retry import Consequence, consequence_of, is_not_counted, verdict_of
from framed.settings.config import Settings, resolve
from framed.settings.places import Places
from framed.watching.scan import ResultsSummary, read_results

_LOST: Final = (
    "what the datasets do not record is lost: which projects were queued and not started, and their options (their "
    "films are queued again, as new films are); which of them had been cancelled; what was paused; and how long each "
    "retry still had to wait"
)


@dataclass(frozen=True)
class Recovered:
    """The part of the database that can be recovered."""

    jobs: tuple[Job, ...]
    """The latest of each project, in queue order."""
    verdicts: tuple[FilmVerdict, ...]
    lines: tuple[str, ...]
    """For a person: what was found, and what is lost."""


@dataclass(frozen=True)
class _Here:
    """What no record of a project contains."""

    session: str
    host: ProcessIdentity | None
    now: Moment


@dataclass(frozen=True)
class _Project:
    job: Job | None
    began_at: datetime
    """Of the job."""
    verdicts: Mapping[str, Verdict]
    """By fingerprint."""


def recover(
    places: Places, settings: Settings, *, session_name: Callable[[str], str], host: ProcessIdentity | None
) -> Recovered:
    """The state, from the output folders of all projects. `host`: what hosts their sessions, as the engine says.

    Raises Refused when there are no results or records at all: then the disk is missing, or nothing was ever extracted.
    """
    now = read_clocks()
    found: dict[str, _Project] = {}
    for name in _names(places):
        options = _options(settings, places, name)
        layout = OutputLayout(Path(options.frames_dir))
        attempts = past_attempts(layout)
        results = read_results(layout.frames_dir)
        if not attempts and results is None:
            continue
        job = _job(name, attempts, options, _Here(session_name(name), host, now)) if attempts else None
        began_at = _began_at(attempts, job, now)
        verdicts: dict[str, Verdict] = {}
        if job is not None and attempts[-1].exit is not None:
            running, outcome = job, _outcome(job, attempts[-1], now)
            consequence = consequence_of(running, outcome, settings.retry, 0.0)
            job = advance(running, Ended(outcome=outcome, consequence=consequence), now)
            verdicts.update(_verdicts_of(running, outcome, consequence))
        verdicts.update(_verdicts_in(results))
        found[name] = _Project(job, began_at, verdicts)
    if not found:
        raise Refused(
            f"nothing can be recovered: no project has results or records in {places.datasets}; is its disk mounted?"
        )
    in_order = sorted(found, key=lambda name: found[name].began_at)
    jobs = [
        msgspec.structs.replace(job, order=order)
        for order, name in enumerate(in_order, 1)
        if (job := found[name].job) is not None
    ]
    verdicts_of_all = tuple(
        FilmVerdict(
            project=name, fingerprint=fingerprint, verdict=verdict, job_id=project.job.id if project.job else "",
            decided_at=now.utc,
        )
        for name, project in found.items()
        for fingerprint, verdict in project.verdicts.items()
    )  # fmt: skip
    return Recovered(tuple(jobs), verdicts_of_all, tuple(_lines(found)))


def _names(places: Places) -> list[str]:
    """Every project that may have an output folder."""
    names = {*_entries(places.raw_videos), *_entries(places.datasets)}
    names |= {Path(entry).stem for entry in _entries(places.projects) if entry.endswith(".yaml")}
    return sorted(name for name in names if is_one_name(name) and is_utf8(name))


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _options(settings: Settings, places: Places, name: str) -> Options:
    """As of a job submitted now: the output folder and the number of retries are recorded nowhere else."""
    try:
        resolved = resolve(settings, places, name, Overrides())
    except SettingsError:
        plain = FrameExtraction()
        return Options(
            extraction=plain.resolved,
            workers=plain.workers_per_project,
            retry=plain.retry,
            frames_dir=str(places.frames_dir(name)),
        )
    return Options(
        extraction=resolved.extraction,
        workers=resolved.workers,
        retry=resolved.retry,
        frames_dir=str(resolved.frames_dir),
    )


def _job(name: str, attempts: Sequence[PastAttempt], options: Options, here: _Here) -> Job:
    """The job of the last attempt, as it was while the attempt ran."""
    last = attempts[-1]
    earlier: tuple[Attempt, ...] = ()
    failures = 0
    for past, following in pairwise(attempts):
        if past.spec.job_id == last.spec.job_id:
            outcome = _earlier_outcome(past, following, here.now)
            earlier = (*earlier, _attempt(past, failures + 1, here, outcome))
            failures += not is_not_counted(outcome)
    job = Job(
        id=last.spec.job_id,
        project=name,
        order=0,
        # So that a retry is given all films of the project; it extracts those that are not extracted yet.
        by="user",
        options=msgspec.structs.replace(options, extraction=last.spec.settings),
        force=last.spec.force,
        restore=last.spec.restore,
        submitted=Moment(utc=here.now.utc, monotonic_s=0.0, boot_id=""),
        log_path=last.spec.log_path or "",
        state=Queued(since=here.now.utc),
        attempts=earlier[-KEPT_ATTEMPTS:],
        failures=failures,
    )
    running = _attempt(last, failures + 1, here, None)
    return advance(job, Started(attempt=running, films=tuple(_films(last))), here.now)


def _attempt(past: PastAttempt, ordinal: int, here: _Here, outcome: Outcome | None) -> Attempt:
    started, now = past.started, here.now
    return Attempt(
        number=past.spec.attempt,
        ordinal=ordinal,
        workers=past.spec.workers,
        session=here.session,
        host=here.host,
        boot_id=started.process.boot_id if started is not None else now.boot_id,
        started_at=_time(started.started_at, now) if started is not None else now.utc,
        outcome=outcome,
    )


def _films(past: PastAttempt) -> Iterator[JobFilm]:
    """The films that are still at their paths."""
    for path in past.spec.films:
        try:
            yield JobFilm(path=path, fingerprint=film_fingerprint(path))
        except OSError:
            continue


def _earlier_outcome(past: PastAttempt, following: PastAttempt, now: Moment) -> Outcome:
    """The outcome of an attempt that was followed by another. A lost attempt is not counted, as it was not then."""
    if past.started is None:
        return Outcome(ending=Ending.LOST, reason="it never began", ended_at=now.utc)
    if past.exit is None:
        after = following.started
        if after is not None and after.process.boot_id != past.started.process.boot_id:
            return Outcome(ending=Ending.LOST, reason="the machine was restarted", ended_at=now.utc)
        return Outcome(ending=Ending.CRASHED, reason="it was killed", ended_at=now.utc)
    record = past.exit
    ended_at = _time(record.ended_at, now)
    return Outcome(
        # Had it been cancelled, its job would not have gone on.
        ending=Ending.LOST if record.code == ExitCode.TERMINATED else Ending.EXITED,
        code=record.code,
        reason=record.reason or None,
        images=record.images,
        wall_s=record.wall_s,
        ended_at=ended_at,
    )


def _outcome(job: Job, past: PastAttempt, now: Moment) -> Outcome:
    """The outcome of the last attempt, from its exit record."""
    assert isinstance(job.state, Running)
    outcome = conclude(job.state.attempt, Evidence(was_started=True, record=past.exit, view=None), now)
    if outcome.ending is Ending.LOST:
        # Either cancelled, or ended with its engine's host. A cancelled job must not start again automatically.
        return msgspec.structs.replace(outcome, ending=Ending.STOPPED, reason="terminated by a signal")
    return outcome


def _verdicts_of(job: Job, outcome: Outcome, consequence: Consequence) -> Mapping[str, Verdict]:
    if outcome.code in (ExitCode.NOT_A_FILM, ExitCode.TOO_MUCH_FAILED):
        # The results say which film failed, by its fingerprint. The file may have been replaced since.
        return {}
    verdict = verdict_of(consequence)
    return {} if verdict is None else {film.fingerprint: verdict for film in job.films}


def _verdicts_in(results: ResultsSummary | None) -> Mapping[str, Verdict]:
    if results is None:
        return {}
    return dict.fromkeys(results.failed, Verdict.FAILED) | dict.fromkeys(results.complete, Verdict.COMPLETE)


def _began_at(attempts: Sequence[PastAttempt], job: Job | None, now: Moment) -> datetime:
    for past in attempts:
        if job is not None and past.spec.job_id == job.id and past.started is not None:
            return _time(past.started.started_at, now)
    return now.utc


def _time(text: str, now: Moment) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return now.utc
    return read if read.tzinfo is not None else now.utc


def _lines(found: Mapping[str, _Project]) -> Iterator[str]:
    states = Counter(
        "with results and no record" if project.job is None else type(project.job.state).__name__.upper()
        for project in found.values()
    )
    counted = ", ".join(f"{n} {state}" for state, n in states.items())
    yield f"recovered from the datasets: {count(len(found), 'project')} ({counted})"
    running = [name for name, project in found.items() if project.job and isinstance(project.job.state, Running)]
    if running:
        yield f"adopted if they still run: {listed(running)}"
    stopped = [name for name, project in found.items() if project.job and isinstance(project.job.state, Cancelled)]
    if stopped:
        yield f"terminated by a signal, and counted as cancelled; `framectl submit` continues them: {listed(stopped)}"
    yield _LOST
