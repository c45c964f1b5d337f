"""tmux is killed, cut off, stopped, or made to close a session by hand: the extractor's own files are the truth."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from frame_extractor.contract.process import is_alive
from framed.protocol.messages import ProjectState
from tests.fakes.tmux_trap import TmuxTrap
from tests.harness.held_film import drop, hold
from tests.harness.root import Root, stop
from tests.harness.until import until

COMPLETE, CANCELLED, RUNNING = ProjectState.COMPLETE, ProjectState.CANCELLED, ProjectState.RUNNING


def server_of(root: Root) -> int:
    """The pid of the root's tmux server."""
    return int(root.tmux("display-message", "-p", "#{pid}").stdout)


def test_killed_tmux_server_costs_its_film_no_attempt(root: Root, film: Path) -> None:
    """Noticed, and the film started again on a new server, within 5 s; one of six times: a machine may be busy."""
    root.start(real=True)
    drop(root, "onward", film)
    took_s: list[float] = []
    while len(took_s) < 6 and min(took_s, default=60.0) > 5:
        [held] = hold(root, "onward", attempt=len(took_s) + 1)
        began_s = time.monotonic()
        os.kill(server_of(root), signal.SIGKILL)
        root.extractor("onward", attempt=len(took_s) + 2)
        took_s.append(time.monotonic() - began_s)
        assert not is_alive(held.process)
    assert min(took_s) < 5
    assert root.wait_for("onward", COMPLETE).attempt == 1


def test_removed_tmux_socket_ends_no_film_and_starts_none_twice(root: Root, film: Path) -> None:
    """What runs goes on, also under another daemon; what comes is extracted; and both are seen in tmux again."""
    daemon = root.start(real=True)
    drop(root, "luca", film)
    [held] = hold(root, "luca")
    server = server_of(root)
    root.places.tmux_socket.unlink()
    drop(root, "onward", film)
    root.wait_for("onward", COMPLETE)
    assert server_of(root) == server
    until(lambda: root.sessions() == {"frame_extraction_luca"}, "only the session of what still runs is there")
    root.places.tmux_socket.unlink()
    stop(daemon, signal.SIGKILL)
    root.start(real=True)
    drop(root, "orion", film)
    root.wait_for("orion", COMPLETE)
    assert server_of(root) == server
    assert is_alive(held.process)
    held.go_on()
    for project in ("luca", "onward", "orion"):
        assert root.wait_for(project, COMPLETE).attempt == 1
        assert len(root.attempts(project)) == 1


def test_tmux_server_without_socket_and_sessions_is_found_again(root: Root, film: Path) -> None:
    """No other one is started beside it: it would stay for ever, and a service's daemon may not start any."""
    root.start(real=True)
    drop(root, "onward", film)
    root.wait_for("onward", COMPLETE)
    server = server_of(root)
    root.places.tmux_socket.unlink()
    drop(root, "orion", film)
    root.wait_for("orion", COMPLETE)
    assert server_of(root) == server


def test_stopped_tmux_holds_up_no_status_and_starts_nothing_twice(root: Root, film: Path, tmp_path: Path) -> None:
    """It stops just before it is asked for a session: the film that runs goes on, and the other has begun, once, when
    tmux is back. Status waits for neither: it is answered again and again while the launch waits for tmux, which is
    given up after 5 s.
    """
    ask_for_pid = f"tmux -S '{root.places.tmux_socket}' display-message -p '#{{pid}}'"
    trap = TmuxTrap(tmp_path / "bin", before=f"kill -STOP $({ask_for_pid})")
    root.start(real=True, environment=trap.environment)
    drop(root, "luca", film)
    [held] = hold(root, "luca")
    server = server_of(root)
    trap.arm()
    drop(root, "onward", film)
    n_answers = 0

    def is_given_up() -> bool:
        nonlocal n_answers
        luca = root.status("luca")
        assert luca is not None
        assert luca.state is RUNNING
        if not trap.is_armed:
            n_answers += 1
        return "launch not confirmed" in root.log_of(0)

    try:
        until(is_given_up, "the launch is given up")
        assert not trap.is_armed
        held.go_on()
        until(lambda: not is_alive(held.process), "the film that ran has ended")
        until(lambda: "attempt not observed" in root.log_of(0), "the attempt is reported as not observed")
    finally:
        os.kill(server, signal.SIGCONT)
    assert n_answers > 5, "status waited for tmux"
    for project in ("luca", "onward"):
        assert root.wait_for(project, COMPLETE).attempt == 1
        assert len(root.attempts(project)) == 1


def test_session_that_begins_late_is_waited_for(root: Root, tmp_path: Path) -> None:
    """tmux answers everything but the launch, which is given up after 5 s and happens all the same: the attempt is not
    taken for lost meanwhile, and no second one is begun beside it.
    """
    let_go = tmp_path / "let-go"
    trap = TmuxTrap(tmp_path / "bin", before=f"while [ ! -e '{let_go}' ]; do sleep 0.05; done")
    root.start(environment=trap.environment)
    trap.arm()
    root.film("onward")
    until(lambda: "attempt not observed" in root.log_of(0), "the attempt is reported as not observed")
    assert "launch not confirmed" in root.log_of(0)
    let_go.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert [record.attempt for record in root.attempts("onward")] == [1]


def test_session_closed_by_hand_means_cancelled_until_somebody_submits(root: Root, film: Path) -> None:
    """The user stopped it: no retry, also under the next daemon; `submit` goes on."""
    daemon = root.start(real=True)
    drop(root, "onward", film)
    [held] = hold(root, "onward")
    root.tmux("kill-session", "-t", "=frame_extraction_onward:")
    cancelled = root.wait_for("onward", CANCELLED)
    assert cancelled.reason == "its tmux session was closed"
    until(lambda: not is_alive(held.process), "the extractor is gone")
    stop(daemon)
    root.start(real=True)
    drop(root, "marker", film)
    root.wait_for("marker", COMPLETE)
    assert root.wait_for("onward", CANCELLED).job_id == cancelled.job_id
    assert len(root.attempts("onward")) == 1
    [outcome] = root.submit("onward").outcomes
    until(lambda: (now := root.status("onward")) and now.job_id == outcome.job_id, "the new job")
    assert root.wait_for("onward", COMPLETE).attempt == 1


def fill(terminal: str) -> None:
    """Nothing more can be written to it until somebody reads there."""
    descriptor = os.open(terminal, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"." * 1024)
    finally:
        os.close(descriptor)


def test_stopped_tmux_holds_up_no_extractor(root: Root, film: Path) -> None:
    """It stops while a film is extracted, and reads nothing more of its terminal: the film is extracted to its end, and
    what has begun is complete as soon as that can be asked.
    """
    root.start(real=True)
    drop(root, "onward", film)
    [held] = hold(root, "onward")
    server = server_of(root)
    terminal = root.tmux("list-panes", "-a", "-F", "#{pane_tty}").stdout.strip()
    os.kill(server, signal.SIGSTOP)
    try:
        fill(terminal)
        held.go_on()
        until(lambda: not is_alive(held.process), "the extractor is gone")
    finally:
        os.kill(server, signal.SIGCONT)
    assert root.wait_for("onward", COMPLETE).attempt == 1


def test_job_cancelled_while_its_next_attempt_is_prepared_leaves_no_session(root: Root) -> None:
    """Preparing takes as long as tmux: the attempt before has left its session, and the next one never starts."""
    root.start()
    root.film("onward", "run 1 exit 70")
    until(lambda: root.sessions() == {"frame_extraction_onward"}, "the first attempt has its session")
    server = server_of(root)
    os.kill(server, signal.SIGSTOP)
    try:
        last = root.wait_for("onward", ProjectState.RETRYING).attempt
        until(root.layout("onward").spec(last + 1).exists, "the next attempt has its number")
        assert root.cancel("onward").outcomes[0].cancelled
    finally:
        os.kill(server, signal.SIGCONT)
    root.wait_for("onward", CANCELLED)
    until(lambda: not root.sessions(), "the session is closed")
