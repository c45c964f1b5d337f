"""framed's own tmux server, through libtmux: its sessions, and what their panes show. All tmux grammar is here, but for
the names of sessions and the command that shows one: those are in `sessions`. Blocking, and without a time-out.

Traps, each of them seen on 3.3a: a session name or a start directory with `#(command)` in it executes it; `.` and `:`
in a name turn into `_`; a target without `=` matches by prefix; an argument ending in `;` begins another tmux command;
one death in ten is missed (the child stays a zombie) and known only when the next child ends, for which `true` will do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import libtmux
import psutil
from libtmux.common import tmux_cmd

from frame_extractor.contract.process import ProcessIdentity, identify
from framed.engines import EngineRefused
from framed.errors import TmuxMissing
from framed.host.liveness import send
from framed.policy.ending import SessionView
from framed.private_files import replace_file
from framed.sessions import attach_command, target

_REOPENING_S: Final = 1.0
_SERVER: Final = "tmux: server"
"""What a tmux server calls itself."""

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

_SPEC: Final = re.compile(r"attempt-(\d+)\.spec\.json")
"""In the command of a pane that framed has started, after the extractor's own words."""

_PANE_FORMAT: Final = (
    "#{pid} #{pane_id} #{pane_pid} #{pane_dead} #{pane_dead_status} #{pane_dead_signal} #{pane_start_command}"
)
"""Separated by spaces: where the locale is not UTF-8, as with LC_ALL=C, tmux replaces tabs."""
_PANE_LINE: Final = re.compile(r"(\d+) (%\d+) (\d*) (\w*) (\w*) (\w*) (.*)")


class _Pane(NamedTuple):
    """One line of `list-panes`: the fields of _PANE_FORMAT."""

    host: str
    pane_id: str
    pid: str
    dead: str
    status: str
    signal: str
    command: str


class TmuxServer:
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

    def prepare(self) -> ProcessIdentity | None:
        """The server answers; returns it. Raises EngineRefused."""
        self._reopen_socket()
        return self._host_of_unit() if self._unit else self.start()

    def start(self) -> ProcessIdentity | None:
        """The server runs, in no relation to this process; returns it. Raises EngineRefused."""
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

    def run(self, session: str, argv: Sequence[str]) -> None:
        """The session runs `argv`, in place of whatever was in it. Raises EngineRefused."""
        words = [_word(argument) for argument in argv]
        pane = self._pane(session)
        # A dead pane of the previous attempt is used again, so that an attached terminal shows the next one.
        if pane is not None:
            answer = self._ask("respawn-pane", "-k", "-c", "/", "-t", pane.pane_id, "--", *words)
        else:
            size = ("-x", "160", "-y", "50")
            answer = self._ask("new-session", "-d", "-s", session, "-n", "extractor", *size, "-c", "/", "--", *words)
        if answer.returncode != 0:
            raise EngineRefused(f"tmux cannot start the session {session}: {' '.join(answer.stderr)}")

    def view(self, session: str) -> SessionView:
        """What the session shows now."""
        pane = self._pane(session)
        if pane is None:
            return SessionView(host=self._host(), exists=False)
        if pane.dead == "1" and not pane.status and not pane.signal:
            self._ask("run-shell", "true")
        return SessionView(
            host=identify(int(pane.host)),
            exists=True,
            attempt=int(numbers[-1]) if (numbers := _SPEC.findall(pane.command)) else None,
            pid=int(pane.pid) if pane.dead != "1" and pane.pid.isdigit() else None,
            code=128 + int(pane.signal)
            if pane.signal.isdigit()
            else int(pane.status)
            if pane.status.isdigit()
            else None,
        )

    def sessions(self) -> frozenset[str]:
        """The names of all sessions there are."""
        return frozenset(self._ask("list-sessions", "-F", "#{session_name}").stdout)

    def attach_command(self, session: str, *, write: bool) -> Sequence[str]:
        """See `sessions.attach_command`."""
        return attach_command(self._program, self._socket, session, write=write)

    def close(self, session: str) -> None:
        """The session is gone, and what ran in it was sent SIGHUP."""
        self._ask("kill-session", "-t", target(session))

    def _reopen_socket(self) -> None:
        """A removed socket is made again by a running tmux server, when it is sent SIGUSR1."""
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

    def _host(self) -> ProcessIdentity | None:
        answer = self._ask("display-message", "-p", "#{pid}")
        return identify(int(answer.stdout[0])) if answer.stdout and answer.stdout[0].isdigit() else None

    def _pane(self, session: str) -> _Pane | None:
        """The session's pane that framed started, else its first; None when there is no such session."""
        answer = self._ask("list-panes", "-s", "-t", target(session), "-F", _PANE_FORMAT)
        panes: list[_Pane] = []
        for line in answer.stdout if answer.returncode == 0 else ():
            if found := _PANE_LINE.fullmatch(line):
                panes.append(_Pane(*found.groups()))
            elif panes:
                # The command holds a newline, because a project's name does.
                panes[-1] = panes[-1]._replace(command=f"{panes[-1].command}\n{line}")
        # A user may have split the window.
        return next((pane for pane in panes if _SPEC.search(pane.command)), panes[0] if panes else None)

    def _ask(self, command: str, *arguments: str) -> tmux_cmd:
        return self._server.cmd(command, *arguments)


def _word(argument: str) -> str:
    return argument[:-1] + r"\;" if argument.endswith(";") else argument
