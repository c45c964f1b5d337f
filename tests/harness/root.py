"""A root of its own for one test: a real daemon process on it, its tmux server, and nothing left behind.

Waits are always for a condition, with a deadline that is only reached when something is broken.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from frame_extractor.contract.attempt import StartedRecord
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity, is_alive
from framed.ctl.client import connect
from framed.errors import FramedError
from framed.host.liveness import kill_tree
from framed.model.project import Overrides
from framed.protocol.messages import (
    Cancel,
    CancelReply,
    ProjectState,
    ProjectStatus,
    Status,
    StatusReply,
    Submit,
    SubmitReply,
)
from framed.settings.places import Places, load_places
from tests.harness.until import DEADLINE_S, until

QUICK: Final = """\
budget: {slots: 4, max_active: 4, memory_floor_gb: 0}
watch: {scan_interval_s: 0.2, settle_s: 0.1, settle_scans: 2}
retry: {base_s: 0.2, max_s: 1}
frame_extraction: {workers_per_project: 1}
"""
"""Settings under which a test need not wait."""

MANUAL: Final = QUICK.replace("watch: {", "watch: {auto_submit: false, ")
"""The same, and films are submitted by hand."""

_FAKES: Final = Path(__file__).resolve().parents[1] / "fakes"


class Root:
    """A root in `folder`, empty but for its settings."""

    def __init__(self, folder: Path, settings: str = QUICK) -> None:
        self.places: Places = load_places(folder)
        self.places.raw_videos.mkdir(parents=True)
        self.places.settings_file.parent.mkdir(parents=True)
        self.places.settings_file.write_text(settings, encoding="utf-8")
        self._daemons: list[subprocess.Popen[bytes]] = []

    def film(self, project: str, words: str = "", name: str = "film.mp4") -> Path:
        """A film that the fake extractor treats as its words say; see extractor.py. No two are the same film."""
        path = self.places.films_dir(project) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{words}\n{uuid.uuid4()}\n", encoding="utf-8")
        return path

    def start(
        self,
        *options: str,
        real: bool = False,
        environment: dict[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """A daemon that answers; with the real extractor when asked, and begun by the command `within`."""
        daemon = self.launch(*options, real=real, environment=environment, within=within)
        until(lambda: daemon.poll() is not None or self.answers(), "the daemon answers")
        assert daemon.poll() is None, f"the daemon ended with {daemon.returncode}"
        return daemon

    def launch(
        self,
        *options: str,
        real: bool = False,
        environment: dict[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """A daemon process, just begun."""
        root = str(self.places.root)
        real_one = [sys.executable, "-m", "framed", "start", "--root", root]
        fake_one = [sys.executable, str(_FAKES / "daemon.py"), root]
        log = self.places.root / f"daemon-{len(self._daemons)}.log"
        with log.open("wb") as stderr:
            daemon = subprocess.Popen(
                [*within, *(real_one if real else fake_one), *options],
                stderr=stderr,
                stdout=stderr,
                env={**os.environ, **(environment or {})},
            )
        self._daemons.append(daemon)
        return daemon

    def log_of(self, number: int) -> str:
        """What daemon `number` (0-based) has written."""
        return (self.places.root / f"daemon-{number}.log").read_text(encoding="utf-8")

    def reply(self) -> StatusReply:
        """The status of everything."""
        with connect(self.places) as daemon:
            return daemon.call("status", Status(), StatusReply)

    def statuses(self) -> dict[str, ProjectStatus]:
        return {each.name: each for each in self.reply().projects}

    def notices(self) -> tuple[str, ...]:
        return self.reply().notices

    def status(self, project: str) -> ProjectStatus | None:
        return self.statuses().get(project)

    def wait_for(
        self, project: str, *states: ProjectState, reason: str | None = None, deadline_s: float = DEADLINE_S
    ) -> ProjectStatus:
        """The project's status, once it is in one of these states, and for this reason when one is given.

        What the daemon does after a job has ended (note it, close its session) may still be to come then.
        """
        seen: list[ProjectStatus | None] = [None]

        def arrived() -> ProjectStatus | None:
            seen[0] = self.status(project)
            is_there = seen[0] is not None and seen[0].state in states and reason in (None, seen[0].reason)
            return seen[0] if is_there else None

        what = f"{project} is one of {[state.value for state in states]}" + (f", {reason}" if reason else "")
        try:
            return until(arrived, what, deadline_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {seen[0]}") from None

    def submit(
        self, *projects: str, force: bool = False, replace: bool = False, key: str = "", **overrides: object
    ) -> SubmitReply:
        given = msgspec.convert(overrides, Overrides)
        key = key or uuid.uuid4().hex
        submit = Submit(projects=projects, overrides=given, force=force, replace=replace, key=key)
        with connect(self.places) as daemon:
            return daemon.call("submit", submit, SubmitReply)

    def cancel(self, *projects: str) -> CancelReply:
        with connect(self.places) as daemon:
            return daemon.call("cancel", Cancel(projects=projects, key=uuid.uuid4().hex), CancelReply)

    def layout(self, project: str) -> OutputLayout:
        return OutputLayout(self.places.frames_dir(project))

    def attempts(self, project: str) -> list[StartedRecord]:
        """Every attempt of the project that has begun, in order."""
        found = sorted(self.layout(project).control.glob("attempt-*.started.json"))
        records = []
        for path in found:
            # It is there a moment before all of it is.
            with contextlib.suppress(msgspec.DecodeError):
                records.append(msgspec.json.decode(path.read_bytes(), type=StartedRecord))
        return sorted(records, key=lambda record: record.attempt)

    def extractor(self, project: str, attempt: int = 1) -> ProcessIdentity:
        """The process of that attempt, once it has begun."""

        def begun() -> ProcessIdentity | None:
            records = {record.attempt: record.process for record in self.attempts(project)}
            return records.get(attempt)

        return until(begun, f"attempt {attempt} of {project} has begun")

    def forge(self, project: str, **changes: object) -> None:
        """The record of the project's first attempt names another process."""
        path = self.layout(project).started(1)
        record = msgspec.json.decode(path.read_bytes(), type=StartedRecord)
        forged = msgspec.structs.replace(record, process=msgspec.structs.replace(record.process, **changes))
        path.write_bytes(msgspec.json.encode(forged))

    def tmux(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command to the root's own tmux server."""
        command = ["tmux", f"-S{self.places.tmux_socket}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)

    def sessions(self) -> frozenset[str]:
        return frozenset(self.tmux("list-sessions", "-F", "#{session_name}").stdout.split())

    def end(self) -> None:
        """No process of this root is left."""
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait(DEADLINE_S)
        self._end_tmux()
        for record in self.places.root.glob("**/.framed/attempt-*.started.json"):
            # One that was killed while it wrote down who it is has gone with its terminal.
            with contextlib.suppress(msgspec.DecodeError):
                process = msgspec.json.decode(record.read_bytes(), type=StartedRecord).process
                kill_tree(process)
                until(functools.partial(_is_gone, process), "the extractor is gone")

    def _end_tmux(self) -> None:
        """Its server is gone, also one whose socket a test has taken away."""
        socket = self.places.tmux_socket
        if socket.exists():
            self.tmux("kill-server")
            return
        for process in psutil.process_iter(["name", "cmdline"]):
            if process.info["name"].startswith("tmux") and f"-S{socket}" in (process.info["cmdline"] or ()):
                process.kill()

    def answers(self) -> bool:
        try:
            connect(self.places).close()
        except FramedError:
            return False
        return True


def _is_gone(process: ProcessIdentity) -> bool:
    return not is_alive(process)


def stop(daemon: subprocess.Popen[bytes], signum: signal.Signals = signal.SIGTERM) -> float:
    """The daemon has ended; returns how long that took, in seconds."""
    began = time.monotonic()
    daemon.send_signal(signum)
    daemon.wait(DEADLINE_S)
    return time.monotonic() - began


def roots(folder: Path) -> Iterator[Callable[..., Root]]:
    """For a fixture: makes roots, and leaves nothing of them running."""
    made: list[Root] = []

    def make(settings: str = QUICK, name: str = "root") -> Root:
        made.append(Root(folder / name, settings))
        return made[-1]

    try:
        yield make
    finally:
        for root in made:
            root.end()
