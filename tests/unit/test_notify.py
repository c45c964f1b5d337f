"""What people are notified of, how often, and by whom: the parts of it that need no daemon."""

from __future__ import annotations

import json
import logging
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from framed.model.job import Outcome
from framed.model.reasons import DiskLow, Stalled
from framed.policy.lifecycle import Ended, Started
from framed.policy.retry import Consequence, Done, RetryAfter
from framed.service.notify import command, desktop
from framed.service.notify.events import Digest, Event, What
from framed.service.notify.notifier import Notifier
from framed.settings.config import NotifySettings, Settings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import load_places
from framed.state.ledger import Ledger
from framed.state.store import Store
from tests.harness.jobs import attempt, job, outcome
from tests.harness.until import until

DONE = Event(event=What.COMPLETED, project="onward", frames=1598)
EVIL = Event(event=What.FAILED, project="<b>--help</b> & \\n", reason="exit 65\x1b[2J")

STALLED = Stalled(still_s=900)
LOW = DiskLow(needed_bytes=2_000_000_000, free_bytes=1_000_000_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notify-send that notes its arguments; the real one is asked in tests/service."""
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > {tmp_path}/shown\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path / "shown"


@pytest.fixture
def session() -> Iterator[dict[str, str]]:
    """The environment of somebody whose runtime directory has a bus; the path is one that an address must escape."""
    with (
        tempfile.TemporaryDirectory(prefix="framed,bus-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bus,
    ):
        bus.bind(f"{folder}/bus")
        yield {"XDG_RUNTIME_DIR": folder}


def test_command_gets_its_input_and_says_what_went_wrong() -> None:
    assert command.run(["sh", "-c", 'test "$(cat)" = hello'], b"hello", 10) is None
    assert str(command.run(["sh", "-c", "echo no such room >&2; exit 3"], b"", 10)).endswith("exit 3 no such room")
    assert "No such file" in str(command.run(["/no/such/program"], b"", 10))


def test_command_s_input_may_be_larger_than_any_pipe() -> None:
    """And it need not read it."""
    assert command.run(["true"], b"x" * 10_000_000, 10) is None
    assert command.run(["sh", "-c", "wc -c | grep -q 10000000"], b"x" * 10_000_000, 10) is None


def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """Somebody's sound player keeps stderr open for as long as it plays."""
    words = ["sh", "-c", f"setsid sleep 600 & echo $! > {tmp_path}/pid"]
    assert command.run(words, b"", 300) is None
    # Had it been waited for, kill would find it no more.
    anyio.run(anyio.run_process, ["kill", (tmp_path / "pid").read_text().strip()])


def test_command_that_does_not_come_back_is_ended() -> None:
    assert "killed after 0.1 s" in str(command.run(["sh", "-c", "sleep 600; true"], b"", 0.1))


def test_digest_is_a_few_words_for_a_person() -> None:
    """However many events there are."""
    events = [Event(event=What.FAILED, project=f"p{n}", reason="exit 65") for n in range(99)]
    digest = Digest(events=(DONE, *events, Event(event=What.QUEUE_EMPTY)))
    assert digest.title == "framed: 1 completed, 99 failed"
    assert digest.lines[0] == "onward: complete, 1,598 images"
    assert digest.lines[-1] == "and 95 more"
    assert len(digest.lines) == 7
    assert Digest(events=(Event(event=What.DISK_LOW, project="orion", reason="exit 75"),)).title == "framed: disk low"


def test_name_on_the_desktop_is_no_markup_no_option_and_no_escape(tool: Path, session: dict[str, str]) -> None:
    """What comes after `--` is text, `<` is written out, and a backslash stands for itself."""
    assert desktop.show(Digest(events=(EVIL,)), 10, session) is None
    *options, title, body, _ = tool.read_text().split("\0")
    assert options == ["--app-name=framed", "--urgency=critical", "--"]
    assert title == "framed: 1 failed"
    assert body == "&lt;b&gt;--help&lt;/b&gt; &amp; \\\\n: failed, exit 65?[2J"


def test_session_is_found_by_its_address_or_its_socket(session: dict[str, str]) -> None:
    """The first for whoever has logged in, the second for a service of that user."""
    folder = session["XDG_RUNTIME_DIR"]
    assert desktop.session_bus(session) == f"unix:path={folder.replace(',', '%2C')}/bus"
    assert desktop.session_bus({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/x", **session}) == "unix:abstract=/x"
    assert desktop.session_bus({"XDG_RUNTIME_DIR": "/no/such/folder"}) is None


@pytest.mark.usefixtures("tool")
def test_without_a_session_nothing_is_shown() -> None:
    assert desktop.why_not({"XDG_RUNTIME_DIR": "/no/such/folder"}) == "there is no desktop session"


class RecordedNotifier:
    """A notifier whose command appends what it reads to a file."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.file = folder / "notified"
        command = ("sh", "-c", 'cat >> "$0"; echo >> "$0"', str(self.file))
        self.settings = NotifySettings(**({"command": command, "desktop": False, "at_most_every_s": 0} | changes))  # type: ignore[arg-type]
        self.store = Store(folder / "framed.db")
        live = LiveSettings(load_places(folder), Settings(notify=self.settings))
        self.store.write([job()])
        self.ledger = Ledger(self.store, lambda project, _now: project)
        self.notifier = Notifier(self.ledger, live)

    def runs(self) -> list[list[str]]:
        """The events of each run."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [[event["event"] for event in json.loads(line)["events"]] for line in lines]

    async def until(self, n_runs: int) -> None:
        await anyio.to_thread.run_sync(until, lambda: len(self.runs()) >= n_runs, f"{n_runs} notifications were sent")


FULL = outcome(75, reason="No space left on device")
WELL = outcome(0)


@pytest.mark.anyio
async def test_full_disk_is_notified_once_for_as_long_as_a_job_fails_for_it(tmp_path: Path) -> None:
    """Not at each try: the next attempt runs for a moment before it fails as well. And again after it was over."""
    recorded = RecordedNotifier(tmp_path)

    async def attempt_ends(number: int, how: Outcome, consequence: Consequence) -> None:
        await recorded.ledger.commit({"j1": Started(attempt=attempt(number=number), films=())})
        await recorded.ledger.commit({"j1": Ended(outcome=how, consequence=consequence)})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorded.notifier.run)
        again = RetryAfter(after_s=0, counted=False)
        await attempt_ends(1, FULL, again)
        await attempt_ends(2, FULL, again)
        await recorded.until(1)
        await attempt_ends(3, outcome(74), again)
        await attempt_ends(4, FULL, again)
        await recorded.until(2)
        await attempt_ends(5, WELL, Done())
        await recorded.until(3)
        tasks.cancel_scope.cancel()
    assert recorded.runs() == [["disk_low"], ["disk_low"], ["completed", "queue_empty"]]


@pytest.mark.anyio
async def test_jobs_that_wait_for_disk_space_are_notified_once_until_none_does(tmp_path: Path) -> None:
    """However often it is said that they do."""
    recorded = RecordedNotifier(tmp_path)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorded.notifier.run)
        for n_runs, projects in ((1, "a"), (1, "ba"), (1, ""), (2, "b")):
            recorded.notifier.disk_low(dict.fromkeys(projects, LOW))
            await recorded.until(n_runs)
        tasks.cancel_scope.cancel()
    assert recorded.runs() == [["disk_low"], ["disk_low"]]


@pytest.mark.anyio
async def test_flood_is_one_digest(tmp_path: Path) -> None:
    """What follows the first event waits until the time is over, and at the daemon's end is sent all the same."""
    recorded = RecordedNotifier(tmp_path, at_most_every_s=600)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorded.notifier.run)
        recorded.notifier.stalled(job(), STALLED)
        await recorded.until(1)
        for _ in range(100):
            recorded.notifier.stalled(job(), STALLED)
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert [len(run) for run in recorded.runs()] == [1, 100]


@pytest.mark.anyio
async def test_fault_in_notifying_ends_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A notification without a text cannot be sent; the next can."""
    recorded = RecordedNotifier(tmp_path)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorded.notifier.run)
        recorded.notifier.stalled(job(log_path="/logs/\udcff.log"), STALLED)
        await anyio.to_thread.run_sync(until, lambda: bool(caplog.records), "the fault is logged")
        recorded.notifier.stalled(job(), STALLED)
        await recorded.until(1)
        tasks.cancel_scope.cancel()
    assert "framed itself failed" in caplog.text


@pytest.mark.anyio
async def test_problem_that_lasts_is_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorded = RecordedNotifier(tmp_path, command=("/no/such/program",))
    with caplog.at_level(logging.WARNING, logger="framed"):
        for _ in range(3):
            recorded.notifier.stalled(job(), STALLED)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recorded.notifier.run)
                await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
    assert [record.message for record in caplog.records] == ["notification failed"]
