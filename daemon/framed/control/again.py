"""What becomes of a project that is submitted, or tried again, by what its last job is doing. Pure: changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from framed.control.messages import Submit, SubmitOutcome, Submitted
from framed.errors import FramedError, Refused
from framed.model.job import Complete, Job, Options, Queued, Retrying, Running, Successor
from framed.model.values import as_written
from framed.policy.lifecycle import Changed, Event, Replaced
from framed.state.ledger import NewJob, new_job_id


@dataclass(frozen=True, kw_only=True)
class Found:
    """One submitted project, as it is on the disk."""

    project: str
    options: Options
    is_extracted: bool
    """Every film of it, with these very settings, or by the tool before framed."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is to be done for one project: an event for the job it has, or a new job, or nothing; and what is said."""

    project: str
    result: Submitted
    message: str
    job_id: str = ""
    """Of the job that the event is for."""
    told_id: str | None = None
    """Of the job that is told of; None for the new one, and for none at all."""
    event: Event | None = None
    new_job: NewJob | None = None

    def outcome(self, jobs: Mapping[str, Job]) -> SubmitOutcome:
        """`jobs`: those that have changed or are new, by project."""
        told_id = self.told_id
        if self.new_job is not None:
            told_id = jobs[self.project].id
        return SubmitOutcome(project=self.project, outcome=self.result, job_id=told_id, message=self.message)


def submitted(found: Found, latest: Job | None, params: Submit) -> Step:
    """`latest`: the project's last job. Raises Refused for one that runs with other settings."""
    if latest is not None and isinstance(latest.state, Running):
        return _submitted_while_running(found, latest, latest.state, params)
    if latest is not None and not latest.is_over:
        return _submitted_while_waiting(found, latest, params)
    if found.is_extracted and not params.force:
        message = "already extracted with these settings; --force extracts it again"
        return Step(project=found.project, result=Submitted.ALREADY_COMPLETE, message=message)
    new_job = NewJob(
        project=found.project, by="user", options=found.options, force=params.force, with_ignored=params.names_projects
    )
    return Step(project=found.project, result=Submitted.QUEUED, message="queued", new_job=new_job)


def retried(project: str, job: Job | None, *, has_failed: bool) -> Step:
    """`job`: the project's last one. `has_failed`: something of the project did. Raises Refused without a job."""
    if job is None:
        raise Refused(f"{project} has not been submitted yet; submit it: framectl submit {project}")
    match job.state:
        case Running(cancelling=True, successor=None):
            new = Successor(id=new_job_id(), options=job.options, force=job.force, with_ignored=job.with_ignored)
            message = "queued, with the settings it had; begins when the running one is gone"
            return _change(job, Replaced(successor=new), Submitted.QUEUED, message, told_id=new.id)
        case Running() | Queued() | Retrying() if job.paused:
            return _nothing(job, f"is paused; framectl resume {project} lets it go on")
        case Running():
            return _nothing(job, "already running")
        case Queued():
            return _nothing(job, "already queued")
        case Retrying():
            message = "was waiting for its next attempt; tries now"
            change = Changed(options=job.options, force=job.force, with_ignored=job.with_ignored)
            return _change(job, change, Submitted.ALREADY_RUNNING, message)
        case Complete() if not has_failed:
            return Step(project=project, result=Submitted.ALREADY_COMPLETE, message="nothing of it failed")
        case _:
            new_job = NewJob(
                project=project, by="user", options=job.options, force=job.force, with_ignored=job.with_ignored
            )
            message = "queued, with the settings it had"
            return Step(project=project, result=Submitted.QUEUED, message=message, new_job=new_job)


def refused(project: str, why: FramedError) -> Step:
    """One that costs the others nothing."""
    return Step(project=project, result=Submitted.REFUSED, message=str(why))


def _submitted_while_waiting(found: Found, job: Job, params: Submit) -> Step:
    force, with_ignored = params.force, params.names_projects or job.with_ignored
    change = Changed(options=found.options, force=force or job.force, with_ignored=with_ignored)
    if found.options != job.options or (force and not job.force):
        asked, before = _differences(found.options, job.options, force=(force, job.force))
        message = f"was queued already, now with {asked} instead of {before}"
        return _change(job, change, Submitted.QUEUED, message)
    if not isinstance(job.state, Queued):
        return _change(job, change, Submitted.ALREADY_RUNNING, "was waiting for its next attempt; tries now")
    if job.by == "user" and job.with_ignored == with_ignored:
        return _nothing(job, "already queued")
    return _change(job, change, Submitted.ALREADY_RUNNING, "already queued")


def _submitted_while_running(found: Found, job: Job, running: Running, params: Submit) -> Step:
    """Of a job that is being cancelled it is the successor that counts, and there may be none yet. Raises Refused."""
    force = params.force
    following = running.successor
    current = following or job
    if following is not None or not running.cancelling:
        if found.options == current.options and (current.force or not force):
            message = "already queued, to begin when the running one is gone" if following else "already running"
            return _nothing(job, message, told_id=current.id)
        if not params.replace:
            asked, runs = _differences(found.options, current.options, force=(force, current.force))
            next_step = "--replace ends it and begins again so; or submit it when it is done"
            runs = f"is about to run again with {runs}" if following else f"is running with {runs}"
            raise Refused(f"{job.project} {runs}, not with {asked} as asked; {next_step}")
    new = Successor(
        id=following.id if following else new_job_id(),
        options=found.options,
        force=force,
        with_ignored=params.names_projects,
    )
    message = "queued; begins when the running one is gone, which is being ended"
    return _change(job, Replaced(successor=new), Submitted.QUEUED, message, told_id=new.id)


def _change(job: Job, event: Event, result: Submitted, message: str, *, told_id: str | None = None) -> Step:
    return Step(
        project=job.project, result=result, message=message, job_id=job.id, told_id=told_id or job.id, event=event
    )


def _nothing(job: Job, message: str, *, told_id: str | None = None) -> Step:
    return Step(project=job.project, result=Submitted.ALREADY_RUNNING, message=message, told_id=told_id or job.id)


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
