"""What every engine does with an attempt: started, observed, cancelled and found again, whoever dies in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from framed.engines import (
    AttemptEnded,
    AttemptObservation,
    AttemptPending,
    AttemptRun,
    AttemptRunning,
    AttemptUnknown,
    Engine,
    EngineUnresponsive,
)
from framed.policy.ending import SessionView
from tests.harness.engine_under_test import (
    EXTRACTOR,
    EngineUnderTest,
    begun,
    lives,
    named,
    new_attempt,
    own_process,
    tmux_under_test,
)

pytestmark = pytest.mark.anyio

T = TypeVar("T", bound=AttemptObservation)
FOR_EVER = "wait /nowhere/gate"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[tmux_under_test], ids=["tmux"])
def under_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineUnderTest]:
    with request.param(monkeypatch) as made:
        yield made


@pytest.fixture
def engine(under_test: EngineUnderTest) -> Engine:
    return under_test.connect()


@pytest.fixture
def attempt(engine: Engine, tmp_path: Path) -> Callable[..., AttemptRun]:
    def made(words: str = FOR_EVER, project: str = "onward", number: int = 1) -> AttemptRun:
        return new_attempt(tmp_path, project, words, engine.session_name(project), number=number)

    return made


async def started(engine: Engine, run: AttemptRun) -> AttemptRun:
    """Its extractor has begun."""
    await engine.start(run, EXTRACTOR)
    return begun(run)


async def seen(ask: Callable[[AttemptRun], Awaitable[AttemptObservation]], run: AttemptRun, kind: type[T]) -> T:
    """The first observation of this kind."""
    with anyio.fail_after(20):
        while not isinstance(found := await ask(run), kind):  # noqa: ASYNC110 -- nobody announces it
            await anyio.sleep(0.02)
    return found


async def view_of_end(engine: Engine, run: AttemptRun) -> SessionView:
    view = (await seen(engine.observe, run, AttemptEnded)).view
    assert view is not None
    return view


async def test_attempt_is_pending_until_it_has_begun_and_then_runs(
    engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """And one that never says that it began is pending for as long as it lives."""
    host = await engine.prepare()
    assert host is not None
    silent = attempt("silent", "silent")
    await engine.start(silent, EXTRACTOR)
    run = await started(engine, attempt())
    assert isinstance(found := await engine.observe(run), AttemptRunning)
    assert found.where
    assert isinstance(pending := await engine.observe(silent), AttemptPending)
    assert pending.why
    assert await engine.sessions() == {run.session, silent.session}
    assert any(run.session in word for word in engine.attach_command(run.session, write=False))


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
async def test_attempt_is_observed_whatever_the_locale_is(
    engine: Engine, attempt: Callable[..., AttemptRun], monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    """A locale that is not UTF-8 may change what the engine's program prints. The names are of any film."""
    monkeypatch.setenv("LC_ALL", locale)
    silent = attempt("silent", "Über film")
    await engine.start(silent, EXTRACTOR)
    assert isinstance(await engine.observe(silent), AttemptPending)
    run = await started(engine, attempt("exit 70", "two\nlines"))
    view = await view_of_end(engine, run)
    assert (view.runs(run.number), view.code) == (True, 70)


@pytest.mark.parametrize(("words", "code"), [("", 0), ("exit 70", 70), ("crash", 128 + signal.SIGKILL)])
async def test_end_of_an_attempt_is_seen_with_how_it_ended(
    engine: Engine, attempt: Callable[..., AttemptRun], words: str, code: int
) -> None:
    run = await started(engine, attempt(words))
    view = await view_of_end(engine, run)
    assert view.runs(run.number)
    assert view.code == code


async def test_extractor_that_cannot_begin_has_ended(engine: Engine, attempt: Callable[..., AttemptRun]) -> None:
    """It is not pending for ever."""
    run = attempt()
    await engine.start(run, ["false"])
    assert (await view_of_end(engine, run)).code == 1


@pytest.mark.parametrize("words", [FOR_EVER, f"stubborn {FOR_EVER}"])
async def test_cancelled_attempt_is_dead_after_the_grace_time(
    engine: Engine, attempt: Callable[..., AttemptRun], words: str
) -> None:
    """Also one that ignores that it was asked to end."""
    run = await started(engine, attempt(words))
    await engine.cancel(run)
    assert (await view_of_end(engine, run)).runs(run.number)
    assert not lives(run)


async def test_pending_attempt_is_cancelled_before_it_begins(
    engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    run = attempt("silent")
    await engine.start(run, EXTRACTOR)
    await engine.cancel(run)
    assert not (await view_of_end(engine, run)).runs(run.number)
    assert await engine.sessions() == frozenset()


async def test_extractor_that_does_not_end_after_its_last_word_is_killed(
    engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    run = await started(engine, attempt(FOR_EVER))
    await engine.await_end(run)
    await seen(engine.observe, run, AttemptEnded)
    assert not lives(run)


async def test_next_daemon_finds_an_attempt_again_whatever_step_the_last_one_died_at(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """Not started, started and not begun, begun, ended."""
    not_started, pending = attempt(project="not-started"), attempt("silent", "pending")
    await engine.start(pending, EXTRACTOR)
    running = await started(engine, attempt(project="running"))
    ended = await started(engine, attempt("exit 70", "ended"))
    await seen(engine.observe, ended, AttemptEnded)
    after = under_test.connect()
    assert isinstance(found := await after.adopt(not_started), AttemptEnded)
    assert found.view is not None
    assert not found.view.runs(1)
    assert isinstance(await after.adopt(pending), AttemptPending)
    assert isinstance(await after.adopt(running), AttemptRunning)
    assert isinstance(found := await after.adopt(ended), AttemptEnded)
    assert found.view is not None
    assert found.view.code == 70
    await after.cancel(running)
    await seen(after.observe, running, AttemptEnded)
    assert not lives(running)


async def test_next_daemon_completes_a_cancellation_that_the_last_one_died_in(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """The attempt runs until it has ended, and may be cancelled more than once, also when it has ended."""
    run = await started(engine, attempt(f"stubborn {FOR_EVER}"))
    async with anyio.create_task_group() as dying:
        dying.start_soon(engine.cancel, run)
        await anyio.wait_all_tasks_blocked()
        dying.cancel_scope.cancel()
    after = under_test.connect()
    assert isinstance(await after.adopt(run), AttemptRunning)
    await after.cancel(run)
    await seen(after.observe, run, AttemptEnded)
    assert not lives(run)
    await after.cancel(run)


async def test_process_that_is_no_extractor_is_not_adopted(engine: Engine, attempt: Callable[..., AttemptRun]) -> None:
    """A record may have been copied, or its folder moved: nobody holds the folder's lock."""
    run = named(attempt(), own_process())
    assert isinstance(await engine.adopt(run), AttemptEnded)
    assert await engine.find_live([run]) == []


async def test_live_extractor_is_found_by_its_records_and_can_be_superseded(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """Of another daemon, too; dead ones, and attempts that have not begun, are not among them."""
    run = await started(engine, attempt())
    dead = await started(engine, attempt("", "dead"))
    await seen(engine.observe, dead, AttemptEnded)
    after = under_test.connect()
    assert await after.find_live([attempt("", "none"), dead, run]) == [run]
    await after.cancel(run)
    await seen(after.observe, run, AttemptEnded)
    assert await after.find_live([run]) == []


async def test_attempt_whose_session_the_next_one_has_taken_has_ended(
    engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """The number is the fence: what the session shows now is not taken for the attempt before."""
    first, second = attempt("silent"), attempt("silent", number=2)
    await engine.start(first, EXTRACTOR)
    await engine.start(second, EXTRACTOR)
    assert not (await view_of_end(engine, first)).runs(1)
    assert isinstance(await engine.observe(second), AttemptPending)


async def test_session_that_is_closed_ends_its_attempt(engine: Engine, attempt: Callable[..., AttemptRun]) -> None:
    """The host is there still, so it was closed and not lost."""
    host = await engine.prepare()
    run = await started(engine, attempt())
    await engine.close(run.session)
    view = await view_of_end(engine, run)
    assert (view.exists, view.host) == (False, host)


async def test_attempt_is_lost_with_its_engine_and_the_next_one_can_be_started(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """Nothing that the new host shows is taken for it."""
    host = await engine.prepare()
    run, silent = await started(engine, attempt()), attempt("silent", "silent")
    await engine.start(silent, EXTRACTOR)
    under_test.kill()
    for lost in (run, silent):
        assert (await view_of_end(engine, lost)).host is None
    after = under_test.connect()
    assert await after.prepare() not in (None, host)
    for lost in (run, silent):
        assert isinstance(found := await after.adopt(lost), AttemptEnded)
        assert found.view is not None
        assert not found.view.runs(1)
        await after.cancel(lost)
    assert await after.find_live([run]) == []
    again = await started(after, attempt(number=2))
    assert isinstance(await after.observe(again), AttemptRunning)


async def test_engine_that_hangs_is_never_taken_for_an_end(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """What can be known without it still is; and when it answers again all is as it was."""
    run, silent = await started(engine, attempt()), attempt("silent", "silent")
    dead, cancelled = (
        await started(engine, attempt(project="dead")),
        await started(engine, attempt(project="cancelled")),
    )
    await engine.start(silent, EXTRACTOR)
    under_test.suspend()
    assert isinstance(found := await engine.observe(silent), AttemptUnknown)
    assert "did not answer" in found.why
    assert isinstance(await engine.adopt(silent), AttemptUnknown)
    assert isinstance(await engine.observe(run), AttemptRunning)
    assert isinstance(await engine.adopt(run), AttemptRunning)
    assert await engine.find_live([run]) == [run]
    await engine.cancel(cancelled)
    assert not lives(cancelled)
    assert dead.process is not None
    os.kill(dead.process.pid, signal.SIGKILL)
    assert (await seen(engine.observe, dead, AttemptEnded)).view is None
    with pytest.raises(EngineUnresponsive):
        await engine.cancel(silent)
    with pytest.raises(EngineUnresponsive):
        await engine.sessions()
    under_test.resume()
    assert isinstance(await engine.observe(run), AttemptRunning)
    # What was not answered may have happened or not, and can be asked for again.
    await engine.cancel(silent)
    assert not (await view_of_end(engine, silent)).exists


async def test_start_that_is_not_answered_may_still_happen(
    under_test: EngineUnderTest, engine: Engine, attempt: Callable[..., AttemptRun]
) -> None:
    """Until it has happened it is not taken for ended, and what ran in the session before is over then."""
    first, second = attempt("silent"), attempt(number=2)
    await engine.start(first, EXTRACTOR)
    under_test.suspend()
    with pytest.raises(EngineUnresponsive):
        await engine.start(second, EXTRACTOR)
    assert isinstance(await engine.observe(second), AttemptUnknown)
    under_test.resume()
    while not isinstance(found := await engine.observe(second), AttemptPending):
        assert isinstance(found, AttemptUnknown)
        await anyio.sleep(0.02)
    assert isinstance(await engine.observe(begun(second)), AttemptRunning)
    assert not (await view_of_end(engine, first)).runs(1)
