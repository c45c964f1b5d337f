"""What starts extractors and keeps their terminals: the protocol that every engine speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from frame_extractor.contract.process import ProcessIdentity
from framed.policy.ending import SessionView


class EngineUnresponsive(Exception):
    """The engine did not answer in time. What was asked of it may still happen."""

    def __init__(self, engine: str, deadline_s: float) -> None:
        super().__init__(f"{engine} did not answer within {deadline_s:g} s")


class EngineRefused(Exception):
    """The engine answered that it cannot do what it was asked to; nothing was started."""


class Engine(Protocol):
    """Runs one command per session. Survives the daemon; never asked for truth that the extractor's own files hold."""

    async def prepare(self) -> ProcessIdentity | None:
        """Sessions can be made; returns the server they will live in. Raises EngineUnresponsive, EngineRefused."""

    def session_name(self, project: str) -> str:
        """The name of the project's session: the same for ever, and no other project's."""

    async def launch(self, session: str, argv: Sequence[str]) -> None:
        """The session runs `argv`, in place of whatever was in it. Raises EngineUnresponsive, EngineRefused."""

    async def inspect(self, session: str) -> SessionView:
        """What the session shows now. Raises EngineUnresponsive."""

    async def sessions(self) -> frozenset[str]:
        """The names of all sessions there are. Raises EngineUnresponsive."""

    def attach_command(self, session: str, *, write: bool) -> Sequence[str]:
        """What shows the session in the terminal it is run in; keys reach the extractor only with `write`."""

    async def close(self, session: str) -> None:
        """The session is gone, and what ran in it was told so. Raises EngineUnresponsive."""
