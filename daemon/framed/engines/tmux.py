"""The tmux engine: one session per project on framed's own tmux server, through libtmux. All tmux grammar is here,
but for the names of sessions and the command that shows one: those are in `sessions`.

Traps, each of them seen on 3.3a: a session name or a start directory with `#(command)` in it executes it; `.` and `:`
in a name turn into `_`; a target without `=` matches by prefix; an argument ending in `;` begins another tmux command;
one death in ten is missed (the child stays a zombie) and known only when the next child ends, for which `true` will do.
libtmux has no time-out, so every call runs in a thread of its own that may be left behind.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import anyio
import libtmux
import psutil
from libtmux.common import tmux_cmd

from frame_extractor.contract.process import ProcessIdentity, identify, is_alive
from framed.engines import (
    AttemptEnded,
    AttemptObservation,
    AttemptPending,
    AttemptRun,
    AttemptRunning,
    AttemptUnknown,
    EngineRefused,
    EngineUnresponsive,
    local_process,
)
from framed.errors import TmuxMissing
from framed.host.liveness import send
from framed.policy.ending import SessionView
from framed.private_files import replace_file
from framed.sessions import attach_command, session_name, target
from framed.threads import in_own_thread

T = TypeVar("T")

_DEADLINE_S: Final = 5.0
_REOPENING_S: Final = 1.0
_EXIT_CODE_PATIENCE_S: Final = 2.0
_SERVER: Final = "tmux: server"
"""What a tmux server calls itself."""
_AT_ONCE: Final = 2

_CONFIG: Final = """\
# Written by framed at every start; changes are lost.
set -s exit-empty off
set -s set-clipboard off
set -g remain-on-exit on
set -g destroy-unattached off
set -g update-environment ""
set -g history-limit 5000
set -g allow-rename off
set -g automatic-rename off
# Keys that a slow line delivers in one piece were typed all the same; tmux would take them for a paste and obey none.
set -g assume-paste-time 0
set -g status-right ""
"""

_INHERITED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR"
    r"|PYTHON(?:PATH|HOME|UTF8)|VIRTUAL_ENV|LD_LIBRARY_PATH"
)
"""What extractors get of the daemon's environment; its secrets and its NOTIFY_SOCKET stay with it."""

_PANE_FORMAT: Final = (
    "#{pid}\t#{pane_id}\t#{pane_pid}\t#{pane_dead}\t#{pane_dead_status}\t#{pane_dead_signal}\t#{pane_start_command}"
)


class _Pane(NamedTuple):
    """One line of `list-panes`: the fields of _PANE_FORMAT."""

    host: str
    pane_id: str
    pid: str
    dead: str
    status: str
    signal: str
    command: str


class TmuxEngine:
    """Sessions on a private tmux server that outlives the daemon."""

    def __init__(self, socket: Path, config: Path, *, unit: str = "") -> None:
        """`unit`: the systemd unit that runs the server; then it is never started from here. Raises TmuxMissing."""
        program = shutil.which("tmux")
        if program is None:
            raise TmuxMissing
        self._program = program
        self._socket = socket
        self._config = config
        self._unit = unit
        self._server = libtmux.Server(socket_path=str(socket), config_file=str(config), tmux_bin=program)
        self._lanes = anyio.Semaphore(_AT_ONCE)

    def session_name(self, project: str) -> str:
        return session_name(project)

    async def prepare(self) -> ProcessIdentity | None:
        def prepare() -> ProcessIdentity | None:
            self._reopen_socket()
            return self._host_of_unit() if self._unit else self.start_server()

        return await self._in_thread(prepare)

    async def start(self, run: AttemptRun, extractor: Sequence[str]) -> None:
        words = [_word(argument) for argument in (*extractor, str(run.spec))]
        await self._in_thread(lambda: self._launch(run.session, words))

    async def observe(self, run: AttemptRun) -> AttemptObservation:
        if run.process is not None:
            if is_alive(run.process):
                return AttemptRunning(f"pid {run.process.pid}")
            return AttemptEnded(await self._last_view(run))
        try:
            view = await self._view(run)
        except EngineUnresponsive as failed:
            return AttemptUnknown(str(failed))
        if view.runs(run.number) and view.pid is not None:
            return AttemptPending("its session has begun")
        if view.runs(run.number) and view.code is None:
            view = await self._last_view(run) or view
        return AttemptEnded(view)

    async def adopt(self, run: AttemptRun) -> AttemptObservation:
        seen = await self.observe(run)
        if isinstance(seen, AttemptRunning) and not await in_own_thread(local_process.is_held, run.layout.lock):
            # The process that the record names is no extractor at work in this folder.
            return AttemptEnded(await self._view_or_none(run))
        return seen

    async def find_live(self, runs: Iterable[AttemptRun]) -> list[AttemptRun]:
        def find() -> list[AttemptRun]:
            return [run for run in runs if run.process is not None and local_process.works_on(run.process, run.spec)]

        return await in_own_thread(find)

    async def cancel(self, run: AttemptRun) -> None:
        if run.process is None:
            await self.close(run.session)
        else:
            await local_process.end(run.process)

    async def await_end(self, run: AttemptRun) -> None:
        if run.process is not None:
            await local_process.await_end(run.process)

    async def sessions(self) -> frozenset[str]:
        return await self._in_thread(lambda: frozenset(self._ask("list-sessions", "-F", "#{session_name}").stdout))

    def attach_command(self, session: str, *, write: bool) -> Sequence[str]:
        return attach_command(self._program, self._socket, session, write=write)

    async def close(self, session: str) -> None:
        await self._in_thread(lambda: self._ask("kill-session", "-t", target(session)))

    async def _view(self, run: AttemptRun) -> SessionView:
        return await self._in_thread(lambda: self._look(run.session))

    async def _view_or_none(self, run: AttemptRun) -> SessionView | None:
        try:
            return await self._view(run)
        except EngineUnresponsive:
            return None

    async def _last_view(self, run: AttemptRun) -> SessionView | None:
        """What tmux shows after the process has died, once it knows the exit code; None when it does not answer.

        It takes a pane for dead when its terminal closes, and learns the exit code a moment later.
        """
        with anyio.move_on_after(_EXIT_CODE_PATIENCE_S):
            while True:
                view = await self._view_or_none(run)
                if view is None or view.code is not None or not view.runs(run.number):
                    return view
                await anyio.sleep(0.05)
        return await self._view_or_none(run)

    def _reopen_socket(self) -> None:
        """Whoever removed the socket has not parted us from the server: tmux makes it anew when sent SIGUSR1."""
        if self._socket.exists() or not any(send(server, signal.SIGUSR1) for server in self._servers()):
            return
        until_s = time.monotonic() + _REOPENING_S
        while not self._socket.exists() and time.monotonic() < until_s:
            time.sleep(0.02)

    def _servers(self) -> Iterator[ProcessIdentity]:
        """Those of this user that were started on this socket, whether it is there or not."""
        for each in psutil.process_iter(["name", "uids", "cmdline"]):
            name, uids, words = each.info["name"], each.info["uids"], each.info["cmdline"] or ()
            # A client was started with the same words, and would be ended by the signal.
            if name == _SERVER and uids.effective == os.geteuid() and f"-S{self._socket}" in words:
                server = identify(each.pid)
                if server is not None:
                    yield server

    def _host_of_unit(self) -> ProcessIdentity:
        host = self._host()
        if host is None:
            # A server started here would end, with its films, whenever the daemon's own unit does.
            raise EngineRefused(f"no tmux server answers; see: systemctl status {self._unit}, or restart that")
        return host

    def start_server(self) -> ProcessIdentity | None:
        """The server runs, in no relation to this process; returns it. Blocking. Raises EngineRefused."""
        replace_file(self._config, _CONFIG.encode())
        # Not through libtmux, which cannot give the server, and so every pane, an environment of its own.
        environment = {name: value for name, value in os.environ.items() if _INHERITED.fullmatch(name)}
        started = subprocess.run(
            [self._program, f"-S{self._socket}", f"-f{self._config}", "start-server"],
            env=environment, cwd="/", capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if started.returncode != 0:
            raise EngineRefused(f"the tmux server does not start: {started.stderr.strip()}")
        return self._host()

    def _host(self) -> ProcessIdentity | None:
        answer = self._ask("display-message", "-p", "#{pid}")
        return identify(int(answer.stdout[0])) if answer.stdout and answer.stdout[0].isdigit() else None

    def _launch(self, session: str, words: list[str]) -> None:
        pane = self._pane(session)
        # A dead pane of the attempt before is used again, so that whoever is attached sees the next one begin.
        if pane is not None:
            answer = self._ask("respawn-pane", "-k", "-c", "/", "-t", pane.pane_id, "--", *words)
        else:
            size = ("-x", "160", "-y", "50")
            answer = self._ask("new-session", "-d", "-s", session, "-n", "extractor", *size, "-c", "/", "--", *words)
        if answer.returncode != 0:
            raise EngineRefused(f"tmux cannot start the session {session}: {' '.join(answer.stderr)}")

    def _look(self, session: str) -> SessionView:
        pane = self._pane(session)
        if pane is None:
            return SessionView(host=self._host(), exists=False)
        if pane.dead == "1" and not pane.status and not pane.signal:
            self._ask("run-shell", "true")
        return SessionView(
            host=identify(int(pane.host)),
            exists=True,
            pid=int(pane.pid) if pane.dead != "1" and pane.pid.isdigit() else None,
            code=128 + int(pane.signal)
            if pane.signal.isdigit()
            else int(pane.status)
            if pane.status.isdigit()
            else None,
            command=pane.command,
        )

    def _pane(self, session: str) -> _Pane | None:
        """The session's pane that framed started, else its first; None when there is no such session."""
        answer = self._ask("list-panes", "-s", "-t", target(session), "-F", _PANE_FORMAT)
        panes: list[_Pane] = []
        for line in answer.stdout if answer.returncode == 0 else ():
            if line.count("\t") >= len(_Pane._fields) - 1:
                panes.append(_Pane(*line.split("\t", len(_Pane._fields) - 1)))
            elif panes:
                # The command holds a newline, because a project's name does.
                panes[-1] = panes[-1]._replace(command=f"{panes[-1].command}\n{line}")
        # People split the windows they look at.
        return next((pane for pane in panes if ".spec.json" in pane.command), panes[0] if panes else None)

    def _ask(self, command: str, *arguments: str) -> tmux_cmd:
        return self._server.cmd(command, *arguments)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """The call's result. Raises EngineUnresponsive after the deadline; the thread ends when tmux does answer."""
        try:
            with anyio.fail_after(_DEADLINE_S):
                await self._lanes.acquire()
                return await in_own_thread(call, finished=self._lanes.release)
        except TimeoutError:
            raise EngineUnresponsive("tmux", _DEADLINE_S) from None


def _word(argument: str) -> str:
    return argument[:-1] + r"\;" if argument.endswith(";") else argument
