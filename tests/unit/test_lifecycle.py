"""The states of a job: every event in every state, and long histories."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framed.model.job import (
    Cancelled,
    Complete,
    Ending,
    Failed,
    Job,
    JobFilm,
    JobState,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
    Successor,
)
from framed.policy.lifecycle import (
    KEPT_ATTEMPTS,
    CancelRequested,
    Ended,
    Event,
    IllegalEvent,
    NoFilmsLeft,
    PauseRequested,
    ReplaceRequested,
    Resubmitted,
    ResumeRequested,
    Started,
    advance,
    successor_of,
)
from framed.policy.retry import Done, GiveUp, RetryAfter, StopCancelled
from tests.harness.jobs import attempt, job, moment, options, outcome

FILMS = (JobFilm(path="/raw/onward/a.ts", fingerprint="f1"),)
STARTED = Started(attempt=attempt(), films=FILMS)
DONE = Ended(outcome=outcome(0), consequence=Done())
GIVEN_UP = Ended(outcome=outcome(65), consequence=GiveUp())
STOPPED = Ended(outcome=outcome(None, Ending.STOPPED), consequence=StopCancelled())
RETRY = Ended(outcome=outcome(137), consequence=RetryAfter(after_s=30, counted=True))
LOST = Ended(outcome=outcome(None, Ending.LOST), consequence=RetryAfter(after_s=0, counted=False))
CHANGED = Resubmitted(options=options(retry=9), force=True)
REPLACED = ReplaceRequested(successor=Successor(id="j2", options=options(retry=7), force=False))
GONE = NoFilmsLeft(outcome=outcome(None, Ending.NOT_STARTED))
EVENTS: list[Event] = [
    STARTED,
    DONE,
    GIVEN_UP,
    STOPPED,
    RETRY,
    LOST,
    CancelRequested(),
    CHANGED,
    REPLACED,
    GONE,
    PauseRequested(),
    ResumeRequested(),
]


def after(*events: Event) -> Job:
    state = job()
    for event in events:
        state = advance(state, event, moment())
    return state


@pytest.mark.parametrize(
    ("history", "state"),
    [
        ([], Queued),
        ([CHANGED], Queued),
        ([CancelRequested()], Cancelled),
        ([GONE], Failed),
        ([STARTED], Running),
        ([STARTED, CancelRequested()], Running),
        ([STARTED, REPLACED], Running),
        ([STARTED, REPLACED, STOPPED], Cancelled),
        ([STARTED, DONE], Complete),
        ([STARTED, GIVEN_UP], Failed),
        ([STARTED, STOPPED], Cancelled),
        ([STARTED, LOST], Queued),
        ([STARTED, RETRY], Retrying),
        ([STARTED, RETRY, STARTED], Running),
        ([STARTED, RETRY, CHANGED], Queued),
        ([STARTED, RETRY, CancelRequested()], Cancelled),
        ([STARTED, RETRY, GONE], Failed),
    ],
)
def test_events_lead_from_state_to_state(history: list[Event], state: type[JobState]) -> None:
    assert isinstance(after(*history).state, state)


@pytest.mark.parametrize(
    "history", [[DONE], [RETRY], [STARTED, STARTED], [STARTED, CHANGED], [STARTED, GONE], [REPLACED]]
)
def test_what_cannot_happen_is_a_fault(history: list[Event]) -> None:
    """The job is not touched."""
    with pytest.raises(IllegalEvent):
        after(*history)


@pytest.mark.parametrize("end", [[CancelRequested()], [STARTED, DONE], [STARTED, GIVEN_UP], [STARTED, STOPPED]])
@pytest.mark.parametrize("event", EVENTS)
def test_ended_jobs_never_change(end: list[Event], event: Event) -> None:
    with pytest.raises(IllegalEvent):
        after(*end, event)


def test_only_counted_failures_count() -> None:
    """A lost attempt is kept, but charged to nobody."""
    tried = after(STARTED, LOST, STARTED, RETRY, STARTED)
    assert (tried.failures, len(tried.attempts)) == (1, 2)


def test_other_settings_begin_with_all_attempts() -> None:
    """And by the user's word, whoever had submitted it before."""
    changed = advance(after(STARTED, RETRY), CHANGED, moment())
    assert (changed.failures, changed.options.retry, changed.force, changed.by) == (0, 9, True, "user")


def test_replaced_job_is_cancelled_for_its_successor() -> None:
    """However it ends, done included; cancelling it after all takes the successor with it."""
    replaced = after(STARTED, REPLACED)
    assert isinstance(replaced.state, Running)
    assert replaced.state.stop_request == ReplaceBy(successor=REPLACED.successor)
    for end in (STOPPED, DONE):
        assert successor_of(replaced, advance(replaced, end, moment())) == REPLACED.successor
    cancelled = after(STARTED, REPLACED, CancelRequested())
    assert successor_of(cancelled, advance(cancelled, STOPPED, moment())) is None
    assert successor_of(after(STARTED), replaced) is None


def test_only_the_last_attempt_keeps_the_end_of_its_log() -> None:
    """A job tries fifty times and more."""
    crash = Ended(outcome=outcome(137, last_lines=("killed",)), consequence=RetryAfter(after_s=1, counted=True))
    tried = after(STARTED, crash, STARTED, crash)
    assert [each.outcome and each.outcome.last_lines for each in tried.attempts] == [(), ("killed",)]


@pytest.mark.parametrize("history", [[], [STARTED], [STARTED, RETRY], [STARTED, CancelRequested()]])
def test_pause_is_beside_the_state_and_asked_twice_is_asked_once(history: list[Event]) -> None:
    """The state is what it was; an attempt that ends meanwhile leaves the job paused, a new job is not."""
    before = after(*history)
    paused = after(*history, PauseRequested(), PauseRequested())
    assert (paused.paused, paused.state) == (True, before.state)
    assert after(*history, PauseRequested(), ResumeRequested(), ResumeRequested()) == before
    assert after(STARTED, PauseRequested(), LOST).paused


def test_cancelled_job_says_whether_it_was_asked_to_end() -> None:
    asked = after(STARTED, CancelRequested(), STOPPED).state
    by_itself = after(STARTED, STOPPED).state
    assert isinstance(asked, Cancelled)
    assert isinstance(by_itself, Cancelled)
    assert (asked.asked, by_itself.asked) == (True, False)


@given(st.lists(st.sampled_from(EVENTS), max_size=200))
def test_every_history_ends_in_one_state_and_survives_the_store(events: list[Event]) -> None:
    """Whatever arrives in whatever order, illegal events aside; and the job reads back as it was written."""
    state = job()
    was_over = False
    for event in events:
        try:
            state = advance(state, event, moment())
        except IllegalEvent:
            continue
        assert not was_over, "a job that is over took an event"
        was_over = state.is_over
    assert state.failures <= len(events)
    assert len(state.attempts) <= KEPT_ATTEMPTS
    assert msgspec.json.decode(msgspec.json.encode(state), type=Job) == state
