"""How `submit`, `retry` and `wait` end: the outcome of each project is printed, and its job waited for."""

from __future__ import annotations

from collections.abc import Mapping

from framed.ctl.command_line import given_color
from framed.ctl.output import document, notice, print_line
from framed.errors import Exit
from framed.protocol.messages import RetryReply, SubmitOutcome, SubmitReply, Submitted
from framed.settings.places import Places


def report_submitted(
    reply: SubmitReply | RetryReply, places: Places, *, waits: bool, as_json: bool, when_empty: str
) -> int:
    """Prints the outcome of each project; with `waits`, waits for those that have a job."""
    if as_json and not waits:
        document(reply)
    for outcome in reply.outcomes:
        _print_outcome(outcome, as_json=as_json)
    if not reply.outcomes and not as_json:
        notice(when_empty)
    was_refused = any(outcome.outcome is Submitted.REFUSED for outcome in reply.outcomes)
    jobs = {outcome.project: outcome.job_id for outcome in reply.outcomes if outcome.job_id is not None}
    code = (
        wait_and_report(places, tuple(jobs), None, jobs=jobs, as_json=as_json)
        if waits and (jobs or as_json)
        else Exit.OK
    )
    return code or (Exit.REFUSED if was_refused else Exit.OK)


def _print_outcome(outcome: SubmitOutcome, *, as_json: bool) -> None:
    line = f"{outcome.project}: {outcome.message}"
    if outcome.outcome is Submitted.REFUSED:
        notice(line)
    elif not as_json:
        print_line(line)


def wait_and_report(
    places: Places,
    projects: tuple[str, ...],
    timeout_s: float | None,
    *,
    jobs: Mapping[str, str] | None = None,
    as_json: bool,
) -> int:
    """Waits until the projects have ended, or these jobs of them (project -> id); the exit code says how."""
    from framed.ctl.waiting import wait_for  # noqa: PLC0415

    waited = wait_for(places, projects, timeout_s, jobs=jobs, color=given_color(), quiet=as_json)
    if as_json:
        document(waited)
    return waited.exit_code
