"""What becomes of a project that is submitted or retried, by what its last job is doing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from framed.control.submission import SubmittedProject, resubmission, submission
from framed.errors import Refused
from framed.model.job import (
    Cancel,
    Cancelled,
    Complete,
    Due,
    Failed,
    Job,
    JobState,
    Options,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
    Successor,
)
from framed.policy.lifecycle import ReplaceRequested, Resubmitted
from framed.protocol.messages import Submit, Submitted
from framed.state.ledger import NewJob
from tests.harness.jobs import attempt, job, moment, options, outcome

NOW = moment().utc
QUEUED = Queued(since=NOW)
RUNNING = Running(since=NOW, attempt=attempt())
ENDING = Running(since=NOW, attempt=attempt(), stop_request=Cancel())
RETRYING = Retrying(since=NOW, due=Due(boot_id="b", monotonic_s=1.0))
COMPLETE = Complete(since=NOW, outcome=outcome(0))
FAILED = Failed(since=NOW, outcome=outcome(65))
CANCELLED = Cancelled(since=NOW, asked=True)


@pytest.mark.parametrize(
    ("last", "has_failed", "result", "words"),
    [
        (job(state=FAILED), True, Submitted.QUEUED, "queued with its previous settings"),
        (job(state=CANCELLED), False, Submitted.QUEUED, "queued with its previous settings"),
        (job(state=COMPLETE), True, Submitted.QUEUED, "queued with its previous settings"),
        (job(state=COMPLETE), False, Submitted.ALREADY_COMPLETE, "nothing of it failed"),
        (job(state=QUEUED), True, Submitted.ALREADY_RUNNING, "already queued"),
        (job(state=RUNNING), True, Submitted.ALREADY_RUNNING, "already running"),
        (job(state=RETRYING), True, Submitted.ALREADY_RUNNING, "was waiting for its next attempt; starts it now"),
        (job(state=RETRYING, paused=True), True, Submitted.ALREADY_RUNNING, "is paused; framectl resume onward"),
        (job(state=ENDING), False, Submitted.QUEUED, "starts when the running job has ended"),
    ],
)
def test_retry_does_what_the_job_leaves_to_do(last: Job, has_failed: bool, result: Submitted, words: str) -> None:
    """A new job has the options and the force of the last; a job that goes on keeps its id."""
    last = msgspec.structs.replace(last, options=options(retry=7), force=True)
    step = resubmission("onward", last, has_failed=has_failed)
    assert step.result is result
    assert words in step.message
    if step.new_job is not None:
        assert (step.new_job.options, step.new_job.force, step.new_job.by) == (last.options, True, "user")
    match step.event:
        case Resubmitted(options=asked, force=force):
            assert (asked, force) == (last.options, True)
        case ReplaceRequested(successor=following):
            assert (following.options, step.shown_id) == (last.options, following.id)
        case _:
            assert step.shown_id in (None, last.id)


@pytest.mark.parametrize("state", [FAILED, RETRYING, ENDING])
@pytest.mark.parametrize("with_ignored", [True, False])
def test_retry_is_for_the_films_that_the_job_was_for(state: JobState, *, with_ignored: bool) -> None:
    """A sample beside a film that failed is not extracted because the film is tried again."""
    step = resubmission("onward", job(state=state, with_ignored=with_ignored), has_failed=True)
    following = step.event.successor if isinstance(step.event, ReplaceRequested) else step.event or step.new_job
    assert isinstance(following, Resubmitted | Successor | NewJob)
    assert following.with_ignored is with_ignored


@pytest.mark.parametrize("state", [None, QUEUED, ENDING])
def test_submit_is_for_ignored_films_too_where_it_names_the_project(state: JobState | None) -> None:
    """And `--all` leaves them alone."""
    for every in (True, False):
        last = job(state=state, by="watch") if state is not None else None
        step = submission(SAME, last, Submit(projects=("onward",), every=every, key="k"))
        following = step.event.successor if isinstance(step.event, ReplaceRequested) else step.event or step.new_job
        assert isinstance(following, Resubmitted | Successor | NewJob)
        assert following.with_ignored is not every


def test_retry_of_what_was_never_submitted_is_refused() -> None:
    """With what to type instead."""
    with pytest.raises(Refused, match="submit it: framectl submit onward"):
        resubmission("onward", None, has_failed=False)


SAME = SubmittedProject(project="onward", options=options(), is_extracted=False)
OTHER = replace(SAME, options=options(workers=3))
NEXT = Successor(id="j2", options=OTHER.options, force=False)
REPLACED = Running(since=NOW, attempt=attempt(), stop_request=ReplaceBy(successor=NEXT))


@pytest.mark.parametrize(
    ("found", "last", "params", "result", "event", "shown_id"),
    [
        (SAME, None, {}, Submitted.QUEUED, None, None),
        (replace(SAME, is_extracted=True), job(state=COMPLETE), {}, Submitted.ALREADY_COMPLETE, None, None),
        (replace(SAME, is_extracted=True), None, {"force": True}, Submitted.QUEUED, None, None),
        (SAME, job(state=FAILED), {}, Submitted.QUEUED, None, None),
        (SAME, job(state=QUEUED, with_ignored=True), {}, Submitted.ALREADY_RUNNING, None, "j1"),
        (SAME, job(state=QUEUED), {}, Submitted.ALREADY_RUNNING, Resubmitted, "j1"),
        (SAME, job(state=QUEUED), {"every": True}, Submitted.ALREADY_RUNNING, None, "j1"),
        (SAME, job(state=QUEUED, by="watch"), {}, Submitted.ALREADY_RUNNING, Resubmitted, "j1"),
        (OTHER, job(state=QUEUED), {}, Submitted.QUEUED, Resubmitted, "j1"),
        (SAME, job(state=RETRYING), {}, Submitted.ALREADY_RUNNING, Resubmitted, "j1"),
        (SAME, job(state=RUNNING), {}, Submitted.ALREADY_RUNNING, None, "j1"),
        (OTHER, job(state=RUNNING), {"replace": True}, Submitted.QUEUED, ReplaceRequested, None),
        (SAME, job(state=ENDING), {}, Submitted.QUEUED, ReplaceRequested, None),
        (OTHER, job(state=REPLACED), {}, Submitted.ALREADY_RUNNING, None, "j2"),
    ],
)
def test_submit_begins_changes_or_leaves_alone(
    *,
    found: SubmittedProject,
    last: Job | None,
    params: dict[str, Any],
    result: Submitted,
    event: type | None,
    shown_id: str | None,
) -> None:
    """No option is lost: other settings change what waits, and are refused to what runs."""
    step = submission(found, last, Submit(projects=("onward",), key="k", **params))
    assert step.result is result
    assert type(step.event) is (event or type(None))
    if event is not ReplaceRequested:
        assert step.shown_id == shown_id
    assert (step.new_job is not None) == (result is Submitted.QUEUED and event is None)


@pytest.mark.parametrize("params", [{}, {"force": True}])
def test_running_project_is_not_given_other_settings(params: dict[str, Any]) -> None:
    """Both are named, and the way out; `force` is a setting, too."""
    found = SAME if params else OTHER
    with pytest.raises(Refused, match=r"onward is running with .*, not with .* as asked; give --replace"):
        submission(found, job(state=RUNNING), Submit(projects=("onward",), key="k", **params))


UPGRADED = replace(OTHER, earlier_options=SAME.options)


@pytest.mark.parametrize(
    ("state", "options_now", "message"),
    [
        (RUNNING, SAME.options, "already running, with the defaults of an earlier version; --replace starts it again"),
        (REPLACED, OTHER.options, "already queued; starts when the running job has ended"),
    ],
)
def test_project_that_runs_since_before_an_upgrade_is_already_running(
    state: JobState, options_now: Options, message: str
) -> None:
    """Its settings are unchanged, only the defaults are not. More is done only where it is asked for."""
    last = job(state=state, options=options_now)
    step = submission(UPGRADED, last, asked())
    assert (step.result, step.event) == (Submitted.ALREADY_RUNNING, None)
    assert step.message.startswith(message)
    assert type(submission(UPGRADED, job(state=RUNNING), asked(replace=True)).event) is ReplaceRequested
    for found, params in ((UPGRADED, asked(force=True)), (replace(UPGRADED, earlier_options=None), asked())):
        with pytest.raises(Refused, match="give --replace"):
            submission(found, job(state=RUNNING), params)


REMOVED = replace(SAME, is_extracted=True, n_removed=20)


def asked(**others: Any) -> Submit:
    return Submit(projects=("onward",), key="k", **others)


@pytest.mark.parametrize("state", [None, COMPLETE])
def test_what_a_user_has_removed_is_no_reason_to_extract_it_again(state: JobState | None) -> None:
    """But for `--restore`, and `--force`; and it says what is missing."""
    last = job(state=state) if state is not None else None
    step = submission(REMOVED, last, asked())
    assert (step.result, step.new_job) == (Submitted.ALREADY_COMPLETE, None)
    assert "without 20 images that you have removed; --restore brings them back" in step.message
    step = submission(REMOVED, last, asked(restore=True))
    assert step.new_job is not None
    assert (step.new_job.restore, step.new_job.force) == (True, False)
    step = submission(replace(REMOVED, n_removed=0), last, asked(restore=True))
    assert (step.result, step.new_job) == (Submitted.ALREADY_COMPLETE, None)
    assert step.message.startswith("nothing of it was removed")


@pytest.mark.parametrize("state", [QUEUED, RETRYING])
def test_waiting_job_takes_over_restore(state: JobState) -> None:
    """And goes on doing so when it is submitted again without."""
    step = submission(SAME, job(state=state), asked(restore=True))
    assert isinstance(step.event, Resubmitted)
    assert step.event.restore
    step = submission(SAME, job(state=state, restore=True, by="watch"), asked())
    assert isinstance(step.event, Resubmitted)
    assert step.event.restore


def test_job_that_runs_restores_only_when_it_is_replaced() -> None:
    with pytest.raises(Refused, match="is running with restore false, not with restore true as asked"):
        submission(SAME, job(state=RUNNING), asked(restore=True))
    step = submission(SAME, job(state=RUNNING), asked(restore=True, replace=True))
    assert isinstance(step.event, ReplaceRequested)
    assert step.event.successor.restore
    for last in (job(state=RUNNING, restore=True), job(state=RUNNING, force=True)):
        assert submission(SAME, last, asked(restore=True)).result is Submitted.ALREADY_RUNNING


@pytest.mark.parametrize("state", [FAILED, RETRYING, ENDING])
def test_retry_restores_when_the_job_did(state: JobState) -> None:
    step = resubmission("onward", job(state=state, restore=True), has_failed=True)
    following = step.event.successor if isinstance(step.event, ReplaceRequested) else step.event or step.new_job
    assert isinstance(following, Resubmitted | Successor | NewJob)
    assert following.restore
