"""The monitor's keys, pressed by Textual's pilot, against a real daemon; and its command typed into a real terminal."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from framed.ctl.monitor.app import Monitor
from framed.protocol.messages import ProjectState
from tests.harness.pilot import sees
from tests.harness.root import MANUAL, Root, roots, stop
from tests.harness.until import DEADLINE_S, until


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("monitor")):
        yield make(MANUAL)


def run_monitor(root: Root, steps: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    """Runs the steps on a monitor of that size."""

    async def run() -> None:
        async with Monitor(root.places).run_test(size=size) as pilot:
            await steps(pilot)

    asyncio.run(run())


def table(pilot: Pilot[None]) -> list[list[str]]:
    found = pilot.app.screen_stack[0].query_one(DataTable)
    return [[str(cell) for cell in found.get_row_at(row)] for row in range(found.row_count)]


def text(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.screen_stack[0].query_one(f"#{name}", Static).content)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_every_project_has_a_row(root: Root, size: tuple[int, int]) -> None:
    """With the machine above and the selected one below, at either size, in one screen's width."""
    root.film("onward")
    root.film("orion")
    root.start()

    async def steps(pilot: Pilot[None]) -> None:
        await sees(pilot, lambda: [row[0] for row in table(pilot)] == ["onward", "orion"], "both")
        assert text(pilot, "machine").startswith("CPU ")
        await sees(pilot, lambda: text(pilot, "detail").startswith("onward  NEW"), "its details")
        await pilot.press("down")
        await sees(pilot, lambda: text(pilot, "detail").startswith("orion"), "the other's")
        assert pilot.app.query_one(DataTable).virtual_size.width <= size[0]

    run_monitor(root, steps, size)


def test_keys_steer_one_project_from_submit_to_retry(root: Root) -> None:
    """Submit, log, pause, resume, cancel (which is asked about), retry."""
    gate = root.places.root / "gate"
    root.film("onward", f"wait {gate}")
    root.start()

    async def steps(pilot: Pilot[None]) -> None:
        def state() -> str:
            return next((row[1] for row in table(pilot)), "")

        await sees(pilot, lambda: state() == "NEW", "it is new")
        await pilot.press("s")
        await sees(pilot, lambda: bool(pilot.app.screen.query(Input)), "the question")
        await pilot.press("enter")
        await sees(pilot, lambda: state() == "RUNNING", "it runs")
        await pilot.press("f")
        await sees(pilot, lambda: pilot.app.screen.has_class("follow"), "only the log")
        await pilot.press("f", "p")
        await sees(pilot, lambda: state() == "PAUSED", "it is paused")
        await pilot.press("p")
        await sees(pilot, lambda: state() == "RUNNING", "it goes on")
        await pilot.press("c")
        await sees(pilot, lambda: len(pilot.app.screen_stack) == 2, "it is asked")
        await pilot.press("n")
        await sees(pilot, lambda: len(pilot.app.screen_stack) == 1, "it is left alone")
        assert state() == "RUNNING"
        await pilot.press("c")
        await sees(pilot, lambda: len(pilot.app.screen_stack) == 2, "it is asked again")
        await pilot.press("y")
        await sees(pilot, lambda: state() == "CANCELLED", "it is cancelled")
        gate.touch()
        await pilot.press("r")
        await sees(pilot, lambda: state() == "COMPLETE", "it is complete")

    run_monitor(root, steps)


def test_keys_change_what_is_shown_and_whether_anything_starts(root: Root) -> None:
    """Drain and its end, the order, the filter, the help; and quit, which says nothing to anybody."""
    gate = root.places.root / "gate"
    root.film("onward")
    root.film("orion", f"wait {gate}")
    root.start()
    root.submit("orion")

    async def steps(pilot: Pilot[None]) -> None:
        await sees(pilot, lambda: [row[0] for row in table(pilot)] == ["orion", "onward"], "what runs first")
        await sees(pilot, lambda: text(pilot, "detail").startswith("orion  RUNNING"), "its details")
        await pilot.press("o")
        await sees(pilot, lambda: [row[0] for row in table(pilot)] == ["onward", "orion"], "by name")
        await sees(pilot, lambda: text(pilot, "detail").startswith("orion"), "that the choice stays with the project")
        await pilot.press("d")
        await sees(pilot, lambda: len(pilot.app.screen_stack) == 2, "it is asked")
        await pilot.press("y")
        await sees(pilot, lambda: "DRAINING" in text(pilot, "machine"), "it drains")
        await pilot.press("d")
        await sees(pilot, lambda: "DRAINING" not in text(pilot, "machine"), "it drains no more")
        await pilot.press("slash")
        await sees(pilot, lambda: bool(pilot.app.screen.query(Input)), "the question")
        await pilot.press("r", "i", "enter")
        await sees(pilot, lambda: [row[0] for row in table(pilot)] == ["orion"], "one of them")
        await pilot.press("question_mark")
        await sees(pilot, lambda: len(pilot.app.screen_stack) == 2, "the help")
        await pilot.press("escape", "q")
        await sees(pilot, lambda: not pilot.app.is_running, "it is left")
        assert root.statuses()["orion"].state is ProjectState.RUNNING

    run_monitor(root, steps)


def test_restart_of_the_daemon_is_shown_and_survived(root: Root) -> None:
    """The rows stay while it is away, and go on when it is back."""
    root.film("onward")
    daemon = root.start()

    async def steps(pilot: Pilot[None]) -> None:
        await sees(pilot, lambda: len(table(pilot)) == 1, "the project")
        await asyncio.to_thread(stop, daemon)
        await sees(pilot, lambda: text(pilot, "away").startswith("daemon unreachable"), "that it is away")
        assert len(table(pilot)) == 1
        root.film("orion")
        await asyncio.to_thread(root.start)
        await sees(pilot, lambda: len(table(pilot)) == 2, "the new one")
        assert not pilot.app.query_one("#away").display

    run_monitor(root, steps)


class Terminal:
    """A shell in a real terminal, into which is typed and which is read, as people do."""

    def __init__(self, root: Root, columns: int = 80, lines: int = 24) -> None:
        self._root = root
        self._socket = f"-S{root.places.root / 'terminal.sock'}"
        self.monitor = f"{sys.executable} -m framed.ctl monitor --root {root.places.root}"
        self._tmux("-f/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "-s", "seen", "sh")

    def type(self, *keys: str) -> None:
        for key in keys:
            self._tmux("send-keys", "-t", "seen", key)

    def sees(self, *words: str) -> None:
        """All of them are on the screen, sooner or later."""
        try:
            until(lambda: all(each in (screen := self.screen()) and screen for each in words), f"{words} on the screen")
        except AssertionError as late:
            raise AssertionError(f"{late}; there is:\n{self.screen()}") from None

    def sees_no(self, words: str) -> None:
        until(lambda: words not in self.screen(), f"no {words} on the screen")

    def sees_terminal_of_a_film(self) -> None:
        """A client of the root's own tmux server is attached: what is typed reaches it and nobody else."""
        until(lambda: self._clients("key_table") == ["root"], "a client is attached")
        self.sees("[frame_ext")

    def leave_it(self) -> None:
        """By Ctrl-B D."""
        self.type("C-b")
        until(lambda: self._clients("key_table") == ["prefix"], "Ctrl-B has arrived")
        self.type("d")
        # Not seen by words on the screen: the monitor itself shows the log's path, with the session's name in it.
        until(lambda: not self._clients("name"), "no client is attached")

    def _clients(self, what: str) -> list[str]:
        return self._root.tmux("list-clients", "-F", f"#{{client_{what}}}").stdout.split()

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "seen")

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", self._socket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S).stdout


@contextlib.contextmanager
def terminal(root: Root, columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    opened = Terminal(root, columns, lines)
    try:
        yield opened
    finally:
        opened.close()


def monitors(root: Root) -> list[psutil.Process]:
    """Those that run on this root."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if {"monitor", str(root.places.root)} <= set(each.info["cmdline"] or ())]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60)])
def test_typed_into_a_terminal_it_shows_the_projects_and_leaves_on_q(root: Root, columns: int, lines: int) -> None:
    """A real terminal, a real command. When its terminal is closed it ends, and the film goes on."""
    gate = root.places.root / "gate"
    root.film("onward", f"wait {gate}")
    root.start()
    root.submit("onward")
    with terminal(root, columns, lines) as shell:
        shell.type(f"{shell.monitor}; echo left with $?", "Enter")
        shell.sees("onward", "1 RUNNING", "CPU", "Submit", "2 shots so far; 0 at 0:00.0, 1 at 1:02:05.0")
        shell.type("q")
        shell.sees("left with 0")
        shell.type(shell.monitor, "Enter")
        shell.sees("CPU", "Submit")
        assert monitors(root)
    until(lambda: not monitors(root), "it has ended")
    gate.touch()
    root.wait_for("onward", ProjectState.COMPLETE)


def test_attach_key_shows_the_extractors_terminal_and_comes_back(root: Root) -> None:
    """Ctrl-C does not reach the film; Ctrl-B D gives the screen back; a daemon's restart meanwhile is no matter."""
    gate = root.places.root / "gate"
    root.film("onward", f"wait {gate}")
    daemon = root.start()
    root.submit("onward")
    with terminal(root) as shell:
        shell.type(f"{shell.monitor}; echo left with $?", "Enter")
        shell.sees("1 RUNNING", "Submit", "scanning")
        shell.type("a")
        shell.sees_terminal_of_a_film()
        shell.type("C-c")
        stop(daemon)
        shell.leave_it()
        shell.sees("daemon unreachable since", "Submit", "RUNNING")
        root.start()
        shell.sees_no("daemon unreachable")
        shell.sees("1 RUNNING")
        gate.touch()
        shell.sees("1 COMPLETE")
        until(lambda: not root.sessions(), "its session is gone")
        shell.type("a")
        shell.sees("onward is COMPLETE")
        shell.type("C-c")
        shell.sees("left with 0")
