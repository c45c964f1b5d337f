"""What a submit or a retry means for a project, given the state of its last job. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from frame_extractor.contract.quantities import count
from framed.errors import FramedError, Refused
from framed.model.job import Cancel, Complete, Job, Options, Queued, ReplaceBy, Retrying, Running, Successor
from framed.model.values import as_written
from framed.policy.lifecycle import Event, ReplaceRequested, Resubmitted
from framed.protocol.messages import Submit, SubmitOutcome, Submitted
from framed.state.ledger import NewJob, new_job_id


@dataclass(frozen=True, kw_only=True)
class SubmittedProject:
    """One submitted project, as it is on the disk."""

    project: str
    options: Options
    earlier_options: Options | None = None
    """The options of a job that a version with the earlier defaults made of the same settings; None if it could not."""
    is_extracted: bool
    """Whether every film of it is, with the same settings, or by the scripts before framed."""
    n_removed: int = 0
    """Images of it that its user has removed."""


@dataclass(frozen=True, kw_only=True)
class SubmissionStep:
    """The decision for one project: an event for its job, a new job, or nothing; and the message of the outcome."""

    project: str
    result: Submitted
    message: str
    job_id: str | None = None
    """Of the job that the event is for; None without one."""
    shown_id: str | None = None
    """Of the job that the reply names; None for a new one, and when there is none."""
    event: Event | None = None
    new_job: NewJob | None = None

    def outcome(self, jobs: Mapping[str, Job]) -> SubmitOutcome:
        """`jobs`: those that have changed or are new, by project."""
        shown_id = self.shown_id
        if self.new_job is not None:
            shown_id = jobs[self.project].id
        return SubmitOutcome(project=self.project, outcome=self.result, job_id=shown_id, message=self.message)


def submission(found: SubmittedProject, latest: Job | None, params: Submit) -> SubmissionStep:
    """`latest`: the project's last job. Raises Refused for one that runs with other settings."""
    if latest is not None and isinstance(latest.state, Running):
        return _submitted_while_running(found, latest, latest.state, params)
    if latest is not None and not latest.is_over:
        return _submitted_while_waiting(found, latest, params)
    if found.is_extracted and not params.force and not (params.restore and found.n_removed):
        return SubmissionStep(
            project=found.project, result=Submitted.ALREADY_COMPLETE, message=_extracted_text(found, params)
        )
    new_job = NewJob(
        project=found.project,
        by="user",
        options=found.options,
        force=params.force,
        restore=params.restore,
        with_ignored=params.names_projects,
    )
    return SubmissionStep(project=found.project, result=Submitted.QUEUED, message="queued", new_job=new_job)


def resubmission(project: str, job: Job | None, *, has_failed: bool) -> SubmissionStep:
    """`job`: the project's last one. `has_failed`: something of the project did. Raises Refused without a job."""
    if job is None:
        raise Refused(f"{project} has not been submitted yet; submit it: framectl submit {shlex.quote(project)}")
    match job.state:
        case Running(stop_request=Cancel()):
            new = Successor(
                id=new_job_id(),
                options=job.options,
                force=job.force,
                restore=job.restore,
                with_ignored=job.with_ignored,
            )
            message = "queued with its previous settings; starts when the running job has ended"
            return _change(job, ReplaceRequested(successor=new), Submitted.QUEUED, message, shown_id=new.id)
        case Running() | Queued() | Retrying() if job.paused:
            return _nothing(job, f"is paused; framectl resume {shlex.quote(project)} continues it")
        case Running():
            return _nothing(job, "already running")
        case Queued():
            return _nothing(job, "already queued")
        case Retrying():
            message = "was waiting for its next attempt; starts it now"
            change = Resubmitted(
                options=job.options, force=job.force, restore=job.restore, with_ignored=job.with_ignored
            )
            return _change(job, change, Submitted.ALREADY_RUNNING, message)
        case Complete() if not has_failed:
            return SubmissionStep(project=project, result=Submitted.ALREADY_COMPLETE, message="nothing of it failed")
        case _:
            new_job = NewJob(
                project=project,
                by="user",
                options=job.options,
                force=job.force,
                restore=job.restore,
                with_ignored=job.with_ignored,
            )
            message = "queued with its previous settings"
            return SubmissionStep(project=project, result=Submitted.QUEUED, message=message, new_job=new_job)


def refused(project: str, why: FramedError) -> SubmissionStep:
    """The step of a project that cannot be submitted, while the others are."""
    return SubmissionStep(project=project, result=Submitted.REFUSED, message=str(why))


def _extracted_text(found: SubmittedProject, params: Submit) -> str:
    if found.n_removed:
        removed = count(found.n_removed, "image")
        without = f"without {removed} that you have removed; --restore brings them back"
        return f"already extracted with these settings, {without}, --force extracts it again"
    nothing = "nothing of it was removed, and it is " if params.restore else ""
    return f"{nothing}already extracted with these settings; --force extracts it again"


def _submitted_while_waiting(found: SubmittedProject, job: Job, params: Submit) -> SubmissionStep:
    with_ignored = params.names_projects or job.with_ignored
    change = Resubmitted(
        options=found.options,
        force=params.force or job.force,
        restore=params.restore or job.restore,
        with_ignored=with_ignored,
    )
    if found.options != job.options or _asks_more(params, job):
        asked, before = _differences(found, params, job)
        message = f"was already queued, now with {asked} instead of {before}"
        return _change(job, change, Submitted.QUEUED, message)
    if not isinstance(job.state, Queued):
        return _change(job, change, Submitted.ALREADY_RUNNING, "was waiting for its next attempt; starts it now")
    if job.by == "user" and job.with_ignored == with_ignored:
        return _nothing(job, "already queued")
    return _change(job, change, Submitted.ALREADY_RUNNING, "already queued")


def _submitted_while_running(found: SubmittedProject, job: Job, running: Running, params: Submit) -> SubmissionStep:
    """Of a job that is being cancelled the successor counts, if there is one. Raises Refused."""
    request = running.stop_request
    following = request.successor if isinstance(request, ReplaceBy) else None
    current = following or job
    if not isinstance(request, Cancel):
        message = "already queued; starts when the running job has ended" if following else "already running"
        if found.options == current.options and not _asks_more(params, current):
            return _nothing(job, message, shown_id=current.id)
        if found.earlier_options == current.options and not (params.replace or _asks_more(params, current)):
            message = f"{message}, with the defaults of an earlier version; --replace starts it again with those of now"
            return _nothing(job, message, shown_id=current.id)
        if not params.replace:
            asked, runs = _differences(found, params, current)
            next_step = "give --replace to cancel it and start with these, or submit it when it has ended"
            runs = f"is about to run again with {runs}" if following else f"is running with {runs}"
            raise Refused(f"{job.project} {runs}, not with {asked} as asked; {next_step}")
    new = Successor(
        id=following.id if following else new_job_id(),
        options=found.options,
        force=params.force,
        restore=params.restore,
        with_ignored=params.names_projects,
    )
    message = "queued; starts when the running job has ended, which is being cancelled"
    return _change(job, ReplaceRequested(successor=new), Submitted.QUEUED, message, shown_id=new.id)


def _asks_more(params: Submit, current: Job | Successor) -> bool:
    """Whether more is to be extracted again than the current job or successor does."""
    return (params.force and not current.force) or (params.restore and not (current.restore or current.force))


def _change(job: Job, event: Event, result: Submitted, message: str, *, shown_id: str | None = None) -> SubmissionStep:
    return SubmissionStep(
        project=job.project, result=result, message=message, job_id=job.id, shown_id=shown_id or job.id, event=event
    )


def _nothing(job: Job, message: str, *, shown_id: str | None = None) -> SubmissionStep:
    return SubmissionStep(
        project=job.project, result=Submitted.ALREADY_RUNNING, message=message, shown_id=shown_id or job.id
    )


def _differences(found: SubmittedProject, params: Submit, current: Job | Successor) -> tuple[str, str]:
    """The requested options and the current ones, as far as they differ: `scene_threshold 25.0`."""
    left = _flat(found.options, force=params.force, restore=params.restore)
    right = _flat(current.options, force=current.force, restore=current.restore)
    names = [name for name in left if left[name] != right[name]]
    return ", ".join(f"{name} {left[name]}" for name in names), ", ".join(f"{name} {right[name]}" for name in names)


def _flat(options: Options, **others: bool) -> dict[str, str]:
    values: dict[str, object] = msgspec.to_builtins(options)
    extraction = values.pop("extraction")
    assert isinstance(extraction, dict)
    return {name: as_written(value) for name, value in (extraction | values | others).items()}
