"""JSON that `framectl` prints and the protocol does not know, as types. No behaviour."""

from __future__ import annotations

from typing import Final

import msgspec

from framed.control.messages import HelloReply, ProjectStatus

DOCUMENT_SCHEMA: Final = 1


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """`framectl wait --json`, and `submit --wait --json`."""

    schema: int = DOCUMENT_SCHEMA
    exit_code: int
    """That of the command: 0 all complete, 1 one failed, 7 one was cancelled, 124 time-out."""
    projects: tuple[ProjectStatus, ...]
    """As they were last seen, in the order asked for."""


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """`framectl version --json`."""

    schema: int = DOCUMENT_SCHEMA
    framectl: str
    protocol: str
    daemon: HelloReply | None
    """Null when none answers."""
