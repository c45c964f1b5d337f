"""Shared by `submit` and `retry`: commits the decisions for all of their projects together, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from framed.control.idempotency import Commit, Decision
from framed.control.submission import SubmissionStep
from framed.errors import Refused
from framed.model.job import Job
from framed.protocol.messages import RetryReply, SubmitReply
from framed.state.ledger import Change, Ledger

Reply = TypeVar("Reply", SubmitReply, RetryReply)


async def enqueue(
    ledger: Ledger, decide: Callable[[], list[SubmissionStep]], kind: type[Reply], commit: Commit
) -> Reply:
    """The reply, with the ids of the new jobs.

    `decide`: what is to be done for each project, by the state of its job at that moment. Raises Refused when something
    new would begin while the daemon drains, StoreUnavailable, and what `decide` raises.
    """

    def decision() -> Decision[Reply]:
        steps = decide()
        events = {step.job_id: step.event for step in steps if step.event is not None and step.job_id is not None}
        new_jobs = [step.new_job for step in steps if step.new_job is not None]
        if ledger.is_draining and (new_jobs or events):
            raise Refused("framed is draining and accepts no jobs; to accept them again: framectl undrain")

        def reply(jobs: Mapping[str, Job]) -> Reply:
            return kind(outcomes=tuple(step.outcome(jobs) for step in steps))

        return Decision(Change(events=events, new_jobs=new_jobs), reply)

    return (await commit(decision)).reply
