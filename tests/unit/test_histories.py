"""Whole histories of the ledger: whatever happens in whatever order, through restarts of the daemon and a full disk."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from framed.model.job import Ending, Job, Outcome, Running, Successor
from framed.policy.lifecycle import (
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
)
from framed.policy.retry import consequence_of
from framed.settings.config import RetrySettings
from framed.state.ledger import Ledger, NewJob, ProjectBusy
from framed.state.store import StoreUnavailable
from tests.fakes.store import BrittleStore
from tests.harness.jobs import attempt, options, outcome

OUTCOMES: Final = (
    outcome(0),
    outcome(65),
    outcome(75),
    outcome(137, Ending.CRASHED),
    outcome(None, Ending.LOST),
    outcome(None, Ending.STOPPED),
    outcome(None, Ending.NOT_STARTED),
)
STEPS: Final = (
    "submit",
    "start",
    "end",
    "cancel",
    "change",
    "replace",
    "pause",
    "resume",
    "films gone",
    "restart",
    "disk",
)

Step = tuple[str, str, Outcome]

HISTORIES: Final = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(("luca", "onward")), st.sampled_from(OUTCOMES)), max_size=60
)


@dataclass
class History:
    """The ledger under test, and what has been seen of it."""

    path: Path
    ended: dict[str, Job] = field(default_factory=dict)
    """Every job that is over, as it was when it ended."""
    n_attempts: int = 0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.store = BrittleStore(self.path)
        self.ledger = Ledger(self.store, lambda project, _now: f"/logs/{project}.log")

    async def take(self, step: Step) -> None:
        """The step has been taken, or it was refused and nothing changed."""
        what, project, how = step
        if what == "restart":
            self.store.close()
            self.open()
        elif what == "disk":
            self.store.is_full = not self.store.is_full
        else:
            latest = self.ledger.latest(project)
            before = self.seen()
            try:
                if what == "submit":
                    await self.ledger.commit({}, [NewJob(project=project, by="user", options=options())])
                elif latest is not None:
                    await self.ledger.commit({latest.id: self.event(what, latest, how)})
            except (IllegalEvent, ProjectBusy):
                assert self.seen() == before
            except StoreUnavailable:
                assert self.store.is_full
                assert self.seen() == before

    def event(self, what: str, job: Job, how: Outcome) -> Event:
        self.n_attempts += what == "start"
        events: Mapping[str, Event] = {
            "start": Started(attempt=attempt(number=self.n_attempts, ordinal=job.failures + 1), films=()),
            "cancel": CancelRequested(),
            "change": Resubmitted(options=options(retry=1), force=True),
            "replace": ReplaceRequested(successor=Successor(id=f"after-{job.id}", options=options(), force=False)),
            "pause": PauseRequested(),
            "resume": ResumeRequested(),
            "films gone": NoFilmsLeft(outcome=how),
        }
        return events.get(what) or Ended(outcome=how, consequence=consequence_of(job, how, RetrySettings(), 0.0))

    def seen(self) -> dict[str, Job]:
        """Project -> its latest job, as the ledger shows it."""
        return {name: job for name in self.ledger.projects() if (job := self.ledger.latest(name))}

    def check(self) -> None:
        rows = self.store._rows("SELECT id, project, is_over, document FROM jobs ORDER BY job_order")
        on_disk = [msgspec.json.decode(document, type=Job) for _id, _project, _is_over, document in rows]
        assert [(job.id, job.project, job.is_over) for job in on_disk] == [
            (row[0], row[1], bool(row[2])) for row in rows
        ]
        by_id = {job.id: job for job in on_disk}
        assert len(by_id) == len(on_disk), "a job is there twice"
        for project, job in self.seen().items():
            assert job == by_id[job.id], "what is seen is not what is durable"
            assert [each.id for each in on_disk if each.project == project][-1] == job.id
        for project in ("luca", "onward"):
            n_open = sum(not job.is_over for job in on_disk if job.project == project)
            assert n_open <= 1, "two jobs of one project are open"
        assert [job for job in on_disk if not job.is_over] == self.ledger.open_jobs()
        for job in on_disk:
            tried = [*job.attempts, *([job.state.attempt] if isinstance(job.state, Running) else [])]
            numbers = [each.number for each in tried]
            assert numbers == sorted(set(numbers)), "an attempt number came twice"
            assert job.failures <= job.options.retry + 1
        assert {job_id: by_id[job_id] for job_id in self.ended} == self.ended, "a job that was over has changed"
        self.ended = {job.id: job for job in on_disk if job.is_over}


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_no_history_of_events_and_restarts_breaks_the_ledger(steps: list[Step]) -> None:
    """After every step each job is there once, in one state, the same on the disk as in the memory; at most one of a
    project is open; and one that was over stays as it was. What cannot happen changes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(functools.partial(play, Path(folder) / "framed.db", steps))


async def play(path: Path, steps: list[Step]) -> None:
    history = History(path)
    for step in steps:
        await history.take(step)
        history.check()
    history.store.close()
