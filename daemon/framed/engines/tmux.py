"""The tmux engine: one session per project on framed's own tmux server (`tmux_server`), each with one extractor in it.

An extractor that runs in tmux is a process of this machine (`local_process`): its own record comes before what its pane
shows. A tmux that hangs must not hold the daemon up, so every call runs in a thread that may be left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import anyio

from frame_extractor.contract.process import ProcessIdentity, is_alive
from framed.engines import (
    AttemptEnded,
    AttemptObservation,
    AttemptPending,
    AttemptRun,
    AttemptRunning,
    AttemptUnknown,
    EngineUnresponsive,
    local_process,
)
from framed.engines.tmux_server import TmuxServer
from framed.policy.ending import SessionView
from framed.sessions import session_name
from framed.threads import in_own_thread

T = TypeVar("T")

_DEADLINE_S: Final = 5.0
_EXIT_CODE_PATIENCE_S: Final = 2.0
_AT_ONCE: Final = 2


class TmuxEngine:
    """Attempts in the sessions of a tmux server."""

    def __init__(self, socket: Path, config: Path, *, unit: str = "") -> None:
        """`unit`: the systemd unit that runs the server; then it is never started from here. Raises TmuxMissing."""
        self._server = TmuxServer(socket, config, unit=unit)
        self._lanes = anyio.Semaphore(_AT_ONCE)
        self._starting: set[Path] = set()
        """Specifications of attempts whose start tmux has been asked for and has not answered."""

    def session_name(self, project: str) -> str:
        return session_name(project)

    async def prepare(self) -> ProcessIdentity | None:
        return await self._in_thread(self._server.prepare)

    async def start(self, run: AttemptRun, extractor: Sequence[str]) -> None:
        await self._in_thread(lambda: self._server.run(run.session, [*extractor, str(run.spec)]), starts=run.spec)

    async def observe(self, run: AttemptRun) -> AttemptObservation:
        if run.process is not None:
            if is_alive(run.process):
                return AttemptRunning(f"pid {run.process.pid}")
            return AttemptEnded(await self._last_view(run))
        # Asked before the view: so a start that is answered in between is in the view.
        if run.spec in self._starting:
            return AttemptUnknown("tmux has not answered whether it has started it")
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
        return await self._in_thread(self._server.sessions)

    def attach_command(self, session: str, *, write: bool) -> Sequence[str]:
        return self._server.attach_command(session, write=write)

    async def close(self, session: str) -> None:
        await self._in_thread(lambda: self._server.close(session))

    async def _view(self, run: AttemptRun) -> SessionView:
        return await self._in_thread(lambda: self._server.view(run.session))

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

    async def _in_thread(self, call: Callable[[], T], *, starts: Path | None = None) -> T:
        """The call's result. Raises EngineUnresponsive after the deadline; the thread ends when tmux does answer.

        `starts`: the specification of the attempt that the call starts.
        """
        in_flight = () if starts is None else (starts,)

        def finished() -> None:
            self._lanes.release()
            self._starting.difference_update(in_flight)

        try:
            with anyio.fail_after(_DEADLINE_S):
                await self._lanes.acquire()
                self._starting.update(in_flight)
                return await in_own_thread(call, finished=finished)
        except TimeoutError:
            raise EngineUnresponsive("tmux", _DEADLINE_S) from None
