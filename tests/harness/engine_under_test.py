"""Engines for the conformance suite, and attempts for them to run: the real engine, the fake extractor."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
import pytest

from frame_extractor.contract.attempt import AttemptSpec, StartedRecord
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity, identify, is_alive
from framed.engines import AttemptRun, Engine, local_process, tmux
from framed.engines.tmux import TmuxEngine
from framed.engines.tmux_server import TmuxServer
from tests.fakes import extractor
from tests.harness.until import until

EXTRACTOR: Final = (sys.executable, extractor.__file__)


class EngineUnderTest(Protocol):
    """What a test does to an engine from outside. A second engine that has this passes the suite, or does not fit."""

    def connect(self) -> Engine:
        """The engine as a daemon that has just begun sees it."""

    def suspend(self) -> None:
        """It answers nothing from now on; what it runs goes on."""

    def resume(self) -> None:
        """It answers again."""

    def kill(self) -> None:
        """It is gone, and what it ran with it."""


class TmuxUnderTest:
    """A tmux server of its own, on a private socket."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._socket, self._config = folder / "tmux.sock", folder / "tmux.conf"
        self._server: ProcessIdentity | None = None

    def connect(self) -> Engine:
        self._server = TmuxServer(self._socket, self._config).start()
        return TmuxEngine(self._socket, self._config)

    def suspend(self) -> None:
        # A test can wait for so long; a busy machine needs the longer one for whatever is answered.
        self._monkeypatch.setattr(tmux, "_DEADLINE_S", 0.3)
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        self._monkeypatch.setattr(tmux, "_DEADLINE_S", 20.0)
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        server, self._server = self._server, None
        if server is not None and is_alive(server):
            os.kill(server.pid, signal.SIGCONT)
            os.kill(server.pid, signal.SIGKILL)
            until(lambda: not is_alive(server), "the tmux server is gone")

    @property
    def _pid(self) -> int:
        assert self._server is not None
        return self._server.pid


@contextmanager
def tmux_under_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineUnderTest]:
    """With a grace time that a test can wait for. Nothing of it runs on afterwards."""
    monkeypatch.setattr(local_process, "GRACE_S", 1.0)
    monkeypatch.setattr(local_process, "_LOCK_PATIENCE_S", 0.5)
    # Short, because a socket lies in it.
    folder = Path(tempfile.mkdtemp(prefix="framed-engine-"))
    made = TmuxUnderTest(folder, monkeypatch)
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


def new_attempt(folder: Path, project: str, words: str, session: str, *, number: int = 1) -> AttemptRun:
    """An attempt of which everything is written that comes before its start. `words`: see `tests.fakes.extractor`."""
    layout = OutputLayout(folder / project / "frames")
    layout.control.mkdir(parents=True, exist_ok=True)
    film = folder / f"{project}-{number}.mp4"
    film.write_text(words, encoding="utf-8")
    spec = AttemptSpec(
        project=project, job_id=f"job-{number}", attempt=number, films=(str(film),), frames_dir=str(layout.frames_dir)
    )
    layout.spec(number).write_bytes(msgspec.json.encode(spec))
    return AttemptRun(session, number, layout, None)


def begun(run: AttemptRun) -> AttemptRun:
    """The run once its extractor has recorded that it started."""
    until(run.layout.started(run.number).is_file, "the extractor has begun")
    record = msgspec.json.decode(run.layout.started(run.number).read_bytes(), type=StartedRecord)
    return AttemptRun(run.session, run.number, run.layout, record.process)


def named(run: AttemptRun, process: ProcessIdentity) -> AttemptRun:
    """The run, with a started record that names some other process."""
    return AttemptRun(run.session, run.number, run.layout, process)


def lives(run: AttemptRun) -> bool:
    assert run.process is not None
    return is_alive(run.process)


def own_process() -> ProcessIdentity:
    """A process that lives and is no extractor."""
    identity = identify(os.getpid())
    assert identity is not None
    return identity
