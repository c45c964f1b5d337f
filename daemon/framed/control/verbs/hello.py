"""`hello`: the first message on every connection, which agrees on a version of the protocol."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from framed.control.verbs.context import VerbContext
from framed.errors import FramedError
from framed.protocol.messages import PROTOCOL, Hello, HelloReply


class ProtocolMismatch(FramedError):
    """The client speaks another major version."""

    def __init__(self, theirs: str) -> None:
        super().__init__(f"this framed speaks protocol {PROTOCOL}, the client {theirs}; restart the older of the two")


async def hello(context: VerbContext, params: Hello) -> HelloReply:
    """Raises ProtocolMismatch."""
    if params.protocol.partition(".")[0] != PROTOCOL.partition(".")[0]:
        raise ProtocolMismatch(params.protocol)
    return HelloReply(protocol=PROTOCOL, server=_server_name(), pid=os.getpid(), root=str(context.places.root))


def _server_name() -> str:
    try:
        return f"framed {version('framed')}"
    except PackageNotFoundError:
        return "framed"
