"""The control socket: who may connect, how much they may send, and for how long. Knows no verb except `hello`.

A client costs a bounded amount of memory and time, whatever it sends; others are served meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from framed.control.feed import Subscription
from framed.control.project_selection import SelectionUnclear
from framed.control.verbs.hello import ProtocolMismatch
from framed.control.verbs.registry import VerbRegistry
from framed.errors import FramedError, NoFilm, NoSuchProject, PlaceNotUsable, Refused, SettingsError
from framed.log import fields
from framed.protocol import wire
from framed.protocol.messages import ErrorCode
from framed.protocol.verbs import HELLO
from framed.state.store import StoreUnavailable

_log: Final = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 64
HELLO_DEADLINE_S: Final = 5.0
"""From the connection to the end of its hello."""
FRAME_DEADLINE_S: Final = 10.0
"""From the first byte of a message to its last, the answers to earlier ones not counted."""
SEND_DEADLINE_S: Final = 10.0
_CHUNK_BYTES: Final = 1 << 16
_BACKLOG: Final = 1024
"""Connections that wait to be accepted; beyond that, `connect` blocks, or fails at once on a non-blocking socket."""
_ACCEPT_PAUSE_S: Final = 0.1

_CODES: Final[Mapping[type[FramedError], ErrorCode]] = {
    NoSuchProject: ErrorCode.NO_SUCH_PROJECT,
    NoFilm: ErrorCode.NO_FILM,
    SettingsError: ErrorCode.BAD_SETTINGS,
    Refused: ErrorCode.REFUSED,
    ProtocolMismatch: ErrorCode.PROTOCOL_MISMATCH,
    SelectionUnclear: ErrorCode.INVALID_PARAMS,
    StoreUnavailable: ErrorCode.STATE_UNAVAILABLE,
}


class _Connection:
    """One client."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self.stream = stream
        self.scope = anyio.CancelScope()
        self.is_busy = False
        self.last_heard_s = time.monotonic()


class Server:
    """Listens on its path alone: the caller holds the lock of the root."""

    def __init__(self, path: Path, verbs: VerbRegistry) -> None:
        self._path = path
        self._bound_as: tuple[int, int] | None = None
        self._verbs = verbs
        self._connections: set[_Connection] = set()

    async def run(self, tasks: anyio.abc.TaskGroup, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Serves until cancelled; started once clients can connect. Raises PlaceNotUsable."""
        async with await anyio.abc.SocketListener.from_socket(self._bound()) as listener:
            task_status.started()
            try:
                while True:
                    if (stream := await _accepted(listener)) is not None:
                        self._drop_one_if_full()
                        connection = _Connection(stream)
                        self._connections.add(connection)
                        tasks.start_soon(self._serve, connection)
            finally:
                # That of a daemon which has come into this one's place stays.
                with contextlib.suppress(OSError):
                    if self._identity() == self._bound_as:
                        self._path.unlink()

    def _identity(self) -> tuple[int, int]:
        """Of the file at the path. Raises OSError."""
        found = os.stat(self._path, follow_symlinks=False)
        return found.st_dev, found.st_ino

    def _bound(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Safe only under the lock: asyncio's and anyio's own listeners take the path from a living daemon too.
            self._path.unlink(missing_ok=True)
            listening.bind(str(self._path))
            self._path.chmod(0o600)
            self._bound_as = self._identity()
            listening.listen(_BACKLOG)
            listening.setblocking(False)  # noqa: FBT003 -- the name of the method says it
        except OSError as failed:
            listening.close()
            raise PlaceNotUsable(self._path, f"cannot listen there: {failed.strerror}") from None
        return listening

    def _drop_one_if_full(self) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            # A connection that waits for an answer is closed only when all do.
            idle_longest = min(self._connections, key=lambda each: (each.is_busy, each.last_heard_s))
            idle_longest.scope.cancel()
            self._connections.discard(idle_longest)

    async def _serve(self, connection: _Connection) -> None:
        try:
            with connection.scope:
                async with connection.stream:
                    if _is_allowed(connection.stream):
                        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, TimeoutError):
                            await self._converse(connection)
        finally:
            self._connections.discard(connection)

    async def _converse(self, connection: _Connection) -> None:
        lines = wire.LineBuffer(wire.MAX_REQUEST_BYTES)
        greeted = False
        deadline_s = anyio.current_time() + HELLO_DEADLINE_S
        while True:
            with anyio.fail_after(deadline_s - anyio.current_time()):
                try:
                    received = await connection.stream.receive(_CHUNK_BYTES)
                except anyio.EndOfStream:
                    return
            connection.last_heard_s = time.monotonic()
            connection.is_busy = True
            try:
                found = lines.feed(received)
                for line in found:
                    answer, greeted, subscription = await self._answer(line, greeted=greeted)
                    with anyio.fail_after(SEND_DEADLINE_S):
                        await connection.stream.send(answer)
                    if subscription is not None:
                        connection.is_busy = False
                        await _send_events(connection, subscription)
                        return
            except wire.WireError as broken:
                # A client that does not speak the protocol is sent one error.
                with anyio.fail_after(SEND_DEADLINE_S):
                    await connection.stream.send(wire.error(broken.request_id, broken.code, broken.message))
                return
            finally:
                connection.is_busy = False
            if greeted and lines.is_empty:
                deadline_s = math.inf
            elif greeted and (found or deadline_s == math.inf):
                deadline_s = anyio.current_time() + FRAME_DEADLINE_S

    async def _answer(self, line: bytes, *, greeted: bool) -> tuple[bytes, bool, Subscription | None]:
        """The answer to one line, whether the client has sent hello, and the events to be sent from now on.

        Raises WireError for what is no request.
        """
        request = wire.decode_request(line)
        if request.method not in self._verbs.names:
            message = f"unknown method {request.method!r}; there are {', '.join(self._verbs.names)}"
            return wire.error(request.id, ErrorCode.UNKNOWN_METHOD, message), greeted, None
        if not greeted and request.method != HELLO.name:
            raise wire.WireError(ErrorCode.INVALID_REQUEST, "the first message must be hello", request.id)
        try:
            answer = await self._verbs.answer(request)
            return wire.reply(request.id, answer.reply), True, answer.subscription
        except wire.WireError as invalid:
            return wire.error(request.id, invalid.code, f"{request.method}: {invalid.message}"), greeted, None
        except FramedError as failed:
            code = _CODES.get(type(failed), ErrorCode.INTERNAL)
            return wire.error(request.id, code, str(failed)), greeted, None
        except Exception:  # noqa: BLE001 -- logged; one client's fault must not end the daemon
            _log.exception("verb failed", extra=fields(method=request.method))
            message = f"{request.method}: framed itself failed; see framed.log"
            return wire.error(request.id, ErrorCode.INTERNAL, message), greeted, None


async def _send_events(connection: _Connection, subscription: Subscription) -> None:
    """Events, as fast as they are read, until the client sends anything more or hangs up."""
    async with anyio.create_task_group() as tasks:

        async def end_when_client_sends() -> None:
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await connection.stream.receive(1)
            tasks.cancel_scope.cancel()

        tasks.start_soon(end_when_client_sends)
        with subscription, contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                # No deadline: one that reads again after hours is sent the state of then, and costs nothing until then.
                await connection.stream.send(wire.event(await subscription.next()))
                connection.last_heard_s = time.monotonic()
        tasks.cancel_scope.cancel()


async def _accepted(listener: anyio.abc.SocketListener) -> anyio.abc.SocketStream | None:
    """The next client; None when it could not be accepted."""
    try:
        return await listener.accept()
    except anyio.BrokenResourceError as broken:
        why = broken.__cause__
        if isinstance(why, OSError) and why.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOMEM):
            _log.warning("connection not accepted", extra=fields(why=why.strerror))
            await anyio.sleep(_ACCEPT_PAUSE_S)
            return None
        raise


def _is_allowed(stream: anyio.abc.SocketStream) -> bool:
    """Whether the peer is this user or root, according to the kernel."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 -- no Django here
    credentials = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", credentials)
    if uid in (os.getuid(), 0):
        return True
    _log.warning("connection of another user refused", extra=fields(uid=uid))
    return False
