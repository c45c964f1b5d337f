"""Where extractors run: the interface of every engine. It starts, observes and ends them, and shows their terminals.

Nothing here assumes that an extractor runs on this machine. What the extractor itself has recorded in `.framed/` comes
before anything an engine answers, and the attempt's number is the fence between two attempts of one folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.policy.ending import SessionView


class EngineUnresponsive(Exception):
    """The engine did not answer in time. The request may still be carried out."""

    def __init__(self, engine: str, deadline_s: float) -> None:
        super().__init__(f"{engine} did not answer within {deadline_s:g} s")


class EngineRefused(Exception):
    """The engine answered that it cannot do what it was asked to; nothing was started."""


@dataclass(frozen=True)
class AttemptRun:
    """One attempt, as an engine knows it: also one that another daemon, or an earlier one, has started."""

    session: str
    number: int
    layout: OutputLayout
    process: ProcessIdentity | None
    """From the extractor's started record; None until there is one. Only the engine can judge whether it lives."""

    @property
    def spec(self) -> Path:
        """The specification that its extractor was given."""
        return self.layout.spec(self.number)


@dataclass(frozen=True)
class AttemptPending:
    """The engine has the attempt, and its extractor has not begun."""

    why: str


@dataclass(frozen=True)
class AttemptRunning:
    """Its extractor has begun and is alive."""

    where: str


@dataclass(frozen=True)
class AttemptEnded:
    """Its extractor is not alive, and will not begin any more."""

    view: SessionView | None
    """What the engine shows of it; None when it does not answer, and the extractor's end is certain all the same."""


@dataclass(frozen=True)
class AttemptUnknown:
    """The engine does not know. This is never treated as an end."""

    why: str


AttemptObservation = AttemptPending | AttemptRunning | AttemptEnded | AttemptUnknown


class Engine(Protocol):
    """Runs one extractor per session. Survives the daemon, and is never asked for what the extractor's files hold."""

    async def prepare(self) -> ProcessIdentity | None:
        """Attempts can be started; returns what will host them. Raises EngineUnresponsive, EngineRefused."""

    async def start(self, run: AttemptRun, extractor: Sequence[str]) -> None:
        """The extractor works on the attempt's specification, in place of whatever was in the session.

        Raises EngineRefused, and EngineUnresponsive: then it may have been started, or may still be. `observe` answers
        unknown for as long as it may still be.
        """

    async def observe(self, run: AttemptRun) -> AttemptObservation:
        """What has become of an attempt that was started, or that a daemon which died then was about to start.

        An exit record that is read afterwards is complete when this is an end.
        """

    async def adopt(self, run: AttemptRun) -> AttemptObservation:
        """As `observe`, of an attempt of an earlier daemon: its started record may name some other process by now."""

    async def find_live(self, runs: Iterable[AttemptRun]) -> list[AttemptRun]:
        """Those of the runs whose own extractor is proven to live."""

    async def cancel(self, run: AttemptRun) -> None:
        """Its extractor was asked to end, and killed if it lived after the grace time. Raises EngineUnresponsive."""

    async def await_end(self, run: AttemptRun) -> None:
        """Its extractor, which is about to end by itself, has ended; killed if it lived after the grace time."""

    def session_name(self, project: str) -> str:
        """The name of the project's session: the same for ever, and no other project's."""

    async def sessions(self) -> frozenset[str]:
        """The names of all sessions there are. Raises EngineUnresponsive."""

    def attach_command(self, session: str, *, write: bool) -> Sequence[str]:
        """What shows the session in the terminal it is run in; keys reach the extractor only with `write`."""

    async def close(self, session: str) -> None:
        """The session is gone, and what ran in it was asked to end. Raises EngineUnresponsive."""
