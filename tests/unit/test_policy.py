"""The pure decisions: endings, retries, shares, settling and scheduling, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frame_extractor.contract.attempt import ExitRecord, Progress, Stage
from frame_extractor.contract.exit_codes import ExitCode
from framed.model.job import Cancel, Due, Ending, Job, Moment, Outcome, Retrying, Running
from framed.model.reasons import AwaitingFolder, AwaitingPlace, Settling, Waiting
from framed.policy.ending import Evidence, SessionView, conclude
from framed.policy.retry import (
    FURTHER_S,
    Consequence,
    Done,
    GiveUp,
    RetryAfter,
    StopCancelled,
    backoff_s,
    consequence_of,
)
from framed.policy.schedule import Decision, SlotHolding, decide
from framed.policy.settle import Signature, Track, is_settled, observe
from framed.policy.shares import Budget, budget, share
from framed.reason_text import reason_text
from framed.settings.config import BudgetSettings, RetrySettings
from tests.harness.jobs import attempt, job, moment, options, outcome, process

HOST = process(pid=100)
OTHER_HOST = process(pid=200)

KILLED_PANE = SessionView(host=HOST, exists=True, code=137, attempt=1)
FAILED_PANE = SessionView(host=HOST, exists=True, code=1, attempt=1)
PANE_OF_THE_ONE_BEFORE = SessionView(host=HOST, exists=True, code=137, attempt=0)
NO_SESSION = SessionView(host=HOST, exists=False)
NO_SERVER = SessionView(host=None, exists=False)
NEW_SERVER = SessionView(host=OTHER_HOST, exists=False)


def record(code: int, reason: str = "") -> ExitRecord:
    return ExitRecord(job_id="j1", attempt=1, code=code, reason=reason, images=3, wall_s=2.0, ended_at="")


@pytest.mark.parametrize(
    ("was_started", "found", "view", "ending", "code"),
    [
        (True, record(0), NO_SERVER, Ending.EXITED, 0),
        (True, record(65), KILLED_PANE, Ending.EXITED, 65),
        (True, record(130), KILLED_PANE, Ending.STOPPED, 130),
        # SIGTERM or SIGHUP: who sent it, only tmux knows.
        (True, record(143), KILLED_PANE, Ending.EXITED, 143),
        (True, record(143), NO_SESSION, Ending.STOPPED, 143),
        (True, record(143), NO_SERVER, Ending.LOST, 143),
        (True, record(143), NEW_SERVER, Ending.LOST, 143),
        (True, record(143), None, Ending.LOST, 143),
        (True, None, KILLED_PANE, Ending.CRASHED, 137),
        (True, None, FAILED_PANE, Ending.EXITED, 1),
        (True, None, NO_SESSION, Ending.STOPPED, None),
        (True, None, NO_SERVER, Ending.LOST, None),
        (True, None, NEW_SERVER, Ending.LOST, None),
        (True, None, None, Ending.LOST, None),
        (False, None, FAILED_PANE, Ending.EXITED, 1),
        (False, None, PANE_OF_THE_ONE_BEFORE, Ending.LOST, None),
        (False, None, NO_SESSION, Ending.LOST, None),
        (False, record(78), FAILED_PANE, Ending.EXITED, 78),
    ],
)
def test_ending_is_concluded_from_what_is_left(
    *, was_started: bool, found: ExitRecord | None, view: SessionView | None, ending: Ending, code: int | None
) -> None:
    """The record first, tmux where the record cannot know."""
    evidence = Evidence(was_started=was_started, record=found, view=view)
    concluded = conclude(attempt(host=HOST), evidence, moment())
    assert (concluded.ending, concluded.code) == (ending, code)


@pytest.mark.parametrize("found", [None, record(143)])
def test_what_ran_before_a_reboot_is_lost(found: ExitRecord | None) -> None:
    """Whatever tmux says now is about another boot."""
    evidence = Evidence(was_started=True, record=found, view=NO_SESSION)
    assert conclude(attempt(), evidence, moment(boot_id="next")).ending is Ending.LOST


STEADY = RetrySettings(base_s=30, factor=2, max_s=600, jitter=0.2)


@pytest.mark.parametrize(
    ("ended", "failures", "consequence"),
    [
        (outcome(ExitCode.DONE), 3, Done()),
        (outcome(ExitCode.USAGE), 0, GiveUp()),
        (outcome(ExitCode.NOT_A_FILM), 0, GiveUp()),
        (outcome(ExitCode.TOO_MUCH_FAILED), 0, GiveUp()),
        (outcome(ExitCode.BAD_SETTINGS), 0, GiveUp()),
        (outcome(ExitCode.OUTPUT_NOT_MADE), 0, RetryAfter(after_s=30, counted=True)),
        (outcome(ExitCode.OUTPUT_NOT_WRITTEN), 1, RetryAfter(after_s=60, counted=True)),
        (outcome(ExitCode.NOT_PERMITTED), 2, RetryAfter(after_s=120, counted=True)),
        (outcome(ExitCode.INTERNAL), 3, GiveUp()),
        (outcome(137, Ending.CRASHED), 0, RetryAfter(after_s=30, counted=True)),
        (outcome(139, Ending.CRASHED), 3, GiveUp()),
        (outcome(ExitCode.TERMINATED), 0, RetryAfter(after_s=30, counted=True)),
        (outcome(ExitCode.DISK_FULL), 3, RetryAfter(after_s=30, counted=False)),
        (outcome(ExitCode.SUPERSEDED), 3, RetryAfter(after_s=30, counted=False)),
        (outcome(ExitCode.FILM_CHANGED), 3, RetryAfter(after_s=30, counted=False)),
        (outcome(ExitCode.DISK_FULL, Ending.NOT_STARTED), 3, RetryAfter(after_s=30, counted=False)),
        (outcome(ExitCode.NOT_PERMITTED, Ending.NOT_STARTED), 3, GiveUp()),
        (outcome(None, Ending.NOT_STARTED), 3, RetryAfter(after_s=30, counted=False)),
        (outcome(None, Ending.LOST), 3, RetryAfter(after_s=0, counted=False)),
        (outcome(ExitCode.TERMINATED, Ending.LOST), 3, RetryAfter(after_s=0, counted=False)),
        (outcome(None, Ending.STOPPED), 0, StopCancelled()),
        (outcome(ExitCode.INTERRUPTED, Ending.STOPPED), 0, StopCancelled()),
    ],
)
def test_consequence_follows_from_the_cause(ended: Outcome, failures: int, consequence: Consequence) -> None:
    """`retry: 3` means three more attempts after the first; causes that are not the film's do not count."""
    running = job(state=Running(since=moment().utc, attempt=attempt()), failures=failures)
    assert consequence_of(running, ended, STEADY, dice=0.0) == consequence


@pytest.mark.parametrize(
    ("left_before", "left", "consequence"),
    [
        ([], 500.0, GiveUp()),
        ([None], 500.0, GiveUp()),
        ([600.0], None, GiveUp()),
        ([600.0], 600.0, GiveUp()),
        ([600.0], 600.0 - FURTHER_S + 0.1, GiveUp()),
        ([600.0], 600.0 - FURTHER_S, RetryAfter(after_s=120, counted=False)),
        ([600.0, 300.0, 600.0], 500.0, GiveUp()),
        ([600.0, 300.0, None], 200.0, RetryAfter(after_s=120, counted=False)),
    ],
)
def test_attempt_that_got_further_than_all_before_is_not_counted(
    left_before: list[float | None], left: float | None, consequence: Consequence
) -> None:
    """With all retries used up. A film that crashes at one place gets no further, whatever its last words were."""
    before = tuple(attempt(outcome=outcome(137, Ending.CRASHED, film_left_s=each)) for each in left_before)
    running = job(state=Running(since=moment().utc, attempt=attempt()), attempts=before, failures=3)
    assert consequence_of(running, outcome(137, Ending.CRASHED, film_left_s=left), STEADY, dice=0.0) == consequence


@pytest.mark.parametrize(
    ("done", "total", "stage", "left"),
    [
        (0.0, 0.0, Stage.OPENING, None),
        (0.0, 90.0, Stage.OPENING, 90.0),
        (30.5, 90.0, Stage.SCANNING, 59.5),
        (0.0, 0.0, Stage.DONE, 0.0),
    ],
)
def test_outcome_says_how_much_film_was_left(done: float, total: float, stage: Stage, left: float | None) -> None:
    """By the attempt's last progress; not before it has opened its films."""
    progress = Progress(
        attempt=1, stage=stage, film="a.ts", film_number=1, n_films=1, fraction=0.0, film_seconds_done=done,
        film_seconds_total=total, images=0, workers=1, elapsed_s=1.0, eta_s=None, realtime_factor=None,
        images_per_s=None, updated_at="",
    )  # fmt: skip
    evidence = Evidence(was_started=True, record=None, view=KILLED_PANE, progress=progress)
    assert conclude(attempt(), evidence, moment()).film_left_s == left
    assert conclude(attempt(), replace(evidence, progress=None), moment()).film_left_s is None


def test_cancelled_attempt_is_not_tried_again_however_it_ended() -> None:
    """Unless it was done before the signal came."""
    running = job(state=Running(since=moment().utc, attempt=attempt(), stop_request=Cancel()))
    assert consequence_of(running, outcome(137, Ending.CRASHED), STEADY, dice=0.0) == StopCancelled()
    assert consequence_of(running, outcome(ExitCode.DONE), STEADY, dice=0.0) == Done()


def test_attempts_lost_again_and_again_wait_longer_and_longer() -> None:
    """Once is bad luck; a tmux server that dies under every attempt must not be started in a tight loop."""
    lost = attempt(outcome=outcome(None, Ending.LOST))
    waits = []
    for n_before in range(4):
        running = job(state=Running(since=moment().utc, attempt=attempt()), attempts=(lost,) * n_before)
        consequence = consequence_of(running, outcome(None, Ending.LOST), STEADY, dice=0.0)
        assert isinstance(consequence, RetryAfter)
        waits.append(consequence.after_s)
    assert waits == [0, 60, 120, 240]


def test_backoff_doubles_up_to_its_longest() -> None:
    assert [backoff_s(n, STEADY, 0.0) for n in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]
    assert backoff_s(10_000, STEADY, 0.0) == 600


@given(failures=st.integers(1, 10_000), dice=st.floats(-1, 1))
def test_backoff_is_spread_by_no_more_than_its_jitter(failures: int, dice: float) -> None:
    plain = backoff_s(failures, STEADY, 0.0)
    assert 0.8 * plain - 1e-6 <= backoff_s(failures, STEADY, dice) <= 1.2 * plain + 1e-6


@pytest.mark.parametrize(
    ("cores", "memory_gb", "settings", "expected"),
    [
        (32, 64, BudgetSettings(), Budget(24, 6)),
        (16, 64, BudgetSettings(), Budget(12, 3)),
        (2, 64, BudgetSettings(), Budget(1, 1)),
        (1, 64, BudgetSettings(), Budget(1, 1)),
        (2, 64, BudgetSettings(slots=8), Budget(8, 2)),
        (32, 64, BudgetSettings(max_active=2), Budget(24, 2)),
        (2, 64, BudgetSettings(max_active=9), Budget(1, 1)),
        # A worker needs 1 GB, and 15 % of the memory are left alone.
        (32, 10, BudgetSettings(), Budget(8, 2)),
        (32, 10, BudgetSettings(memory_per_worker_gb=0.5, memory_floor_gb=0), Budget(20, 5)),
        (32, 0.5, BudgetSettings(), Budget(1, 1)),
        (32, 10, BudgetSettings(slots=24), Budget(24, 6)),
    ],
)
def test_budget_is_three_quarters_of_the_cores_or_what_memory_allows(
    cores: int, memory_gb: float, settings: BudgetSettings, expected: Budget
) -> None:
    """A number that was set is taken at its word."""
    assert budget(cores, int(memory_gb * 1e9), settings) == expected


@pytest.mark.parametrize(
    ("n_active", "asked", "expected"),
    [(1, 12, 12), (2, 12, 12), (3, 12, 8), (1, "auto", 24), (2, "auto", 12), (2, 4, 4), (30, 12, 1), (1, 100, 24)],
)
def test_share_of_32_threads_is_as_the_guide_promised(
    n_active: int, asked: int | Literal["auto"], expected: int
) -> None:
    """Two projects 12 workers each, three 8 each."""
    assert share(asked, 24, n_active) == expected


@given(slots=st.integers(1, 200), n_active=st.integers(1, 50), asked=st.integers(1, 200))
def test_shares_of_all_active_fit_into_the_slots(slots: int, n_active: int, asked: int) -> None:
    """As long as there are not more projects than slots, which the budget sees to."""
    n_active = min(n_active, slots)
    assert 1 <= share(asked, slots, n_active) <= slots // n_active


A, B = Signature(100, 1, 7), Signature(200, 2, 7)


def test_film_settles_after_that_many_scans_and_that_long() -> None:
    """Both conditions, and every change begins anew."""
    track: Track | None = None
    seen = [(0.0, A), (5.0, A), (9.0, B), (14.0, B), (19.0, B), (24.0, B)]
    settled = []
    for now_s, signature in seen:
        track = observe(track, signature, now_s)
        settled.append(is_settled(track, now_s, settle_s=10.0, settle_scans=3))
    assert settled == [False, False, False, False, True, True]


@pytest.mark.parametrize("changed", [replace(A, size_bytes=1), replace(A, mtime_ns=9), replace(A, inode=9)])
def test_any_change_of_a_file_restarts_its_settling(changed: Signature) -> None:
    track = observe(observe(None, A, 0.0), changed, 100.0)
    assert (track.unchanged_since_s, track.n_scans) == (100.0, 1)


def waiting_job(number: int, **changes: object) -> Job:
    given_options = options(frames_dir=f"/datasets/p{number}/frames")
    return job(**{"id": f"j{number}", "project": f"p{number}", "order": number, "options": given_options, **changes})


def decision_of(
    jobs: list[Job],
    limits: Budget | None = None,
    *,
    holdings: Mapping[str, SlotHolding] | None = None,
    gates: Mapping[str, Waiting] | None = None,
    now: Moment | None = None,
) -> Decision:
    return decide(
        jobs,
        holdings=holdings or {},
        slot_queue=(),
        start_blocked=gates or {},
        run_blocked={},
        budget=limits or Budget(24, 1),
        now=now or moment(),
    )


def test_jobs_start_in_order_and_the_others_say_what_they_wait_for() -> None:
    jobs = [waiting_job(number) for number in range(4)]
    decision = decision_of(jobs, Budget(24, 2))
    assert [(start.job_id, start.workers) for start in decision.starts] == [("j0", 12), ("j1", 12)]
    assert decision.waiting["j3"] == AwaitingPlace(running=2, max_active=2)


def test_gated_job_does_not_hold_up_the_ones_behind_it() -> None:
    jobs = [waiting_job(1), waiting_job(2)]
    settling = Settling(film="a.mkv", unchanged_s=1)
    decision = decision_of(jobs, Budget(24, 1), gates={"j1": settling})
    assert [start.job_id for start in decision.starts] == ["j2"]
    assert decision.waiting == {"j1": settling}


def test_job_in_its_backoff_says_when_and_after_what() -> None:
    """And starts when it is due, or when the machine was restarted."""
    failed = attempt(outcome=outcome(137, Ending.CRASHED))
    state = Retrying(since=moment().utc, due=Due(boot_id=moment().boot_id, monotonic_s=moment(38).monotonic_s))
    retrying = waiting_job(1, state=state, attempts=(failed,))
    early = decision_of([retrying], now=moment(0.5))
    assert reason_text(early.waiting["j1"]) == "retry in 38 s after exit 137 (killed)"
    assert early.next_due_s == pytest.approx(37.5)
    for now in (moment(38), moment(0, boot_id="next")):
        assert decision_of([retrying], now=now).starts


def test_wall_clock_that_jumps_moves_no_retry() -> None:
    """Only the monotonic clock counts."""
    state = Retrying(since=moment().utc, due=Due(boot_id=moment().boot_id, monotonic_s=moment(38).monotonic_s))
    jumped = Moment(utc=moment(86_400).utc, monotonic_s=moment(1).monotonic_s, boot_id=moment().boot_id)
    decision = decision_of([waiting_job(1, state=state)], now=jumped)
    assert decision.next_due_s == pytest.approx(37)


def test_two_projects_of_one_output_folder_take_turns() -> None:
    """What frames lie in is the output folder: results, records and `temp/` are beside them."""
    jobs = [waiting_job(n, options=options(frames_dir=f"/data/{name}")) for n, name in ((1, "a"), (2, "b"))]
    decision = decision_of(jobs, Budget(24, 6))
    assert [start.job_id for start in decision.starts] == ["j1"]
    assert decision.waiting["j2"] == AwaitingFolder(project="p1")


@given(
    asked=st.lists(st.one_of(st.just("auto"), st.integers(1, 64)), max_size=12),
    slots=st.integers(1, 64),
    max_active=st.integers(1, 12),
    n_seated=st.integers(0, 12),
)
def test_every_job_either_starts_or_says_why_not(
    asked: list[int | str], slots: int, max_active: int, n_seated: int
) -> None:
    """Never more than there are places, never more workers than slots, nobody forgotten."""
    jobs = []
    for number, workers in enumerate(asked):
        own = options(workers=workers, frames_dir=f"/datasets/p{number}/frames")
        jobs.append(waiting_job(number, options=own))
    holdings = {each.id: SlotHolding(1) for each in jobs[:n_seated]}
    limits = Budget(slots, min(max_active, slots))
    decision = decision_of(jobs, limits, holdings=holdings)
    started = {start.job_id for start in decision.starts}
    assert len(started) <= max(0, limits.max_active - len(holdings))
    assert all(1 <= start.workers <= slots for start in decision.starts)
    assert len(holdings) + sum(start.workers for start in decision.starts) <= max(slots, len(holdings))
    assert started | set(decision.waiting) | set(holdings) == {each.id for each in jobs}
    assert not started & set(decision.waiting)
