"""The client's side of the control protocol: one blocking connection, one call at a time. Knows no verb."""

from __future__ import annotations

import os
import shlex
import socket
import struct
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from framed.errors import DaemonUnreachable, Exit, FramedError, Refused
from framed.private_files import check_owner, is_trusted, user_text
from framed.protocol import wire
from framed.protocol.messages import PROTOCOL, ErrorCode, Hello, HelloReply
from framed.protocol.reply import decode_reply
from framed.settings.places import Places

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 30.0

T = TypeVar("T", bound=msgspec.Struct)

_EXITS: Final[Mapping[int, Exit]] = {
    ErrorCode.INVALID_PARAMS: Exit.USAGE,
    ErrorCode.BAD_SETTINGS: Exit.USAGE,
    ErrorCode.NO_SUCH_PROJECT: Exit.NO_PROJECT,
    ErrorCode.NO_FILM: Exit.NO_PROJECT,
    ErrorCode.REFUSED: Exit.REFUSED,
    ErrorCode.STATE_UNAVAILABLE: Exit.REFUSED,
    ErrorCode.PROTOCOL_MISMATCH: Exit.PROTOCOL_MISMATCH,
}


class CallFailed(FramedError):
    """The daemon answered with an error; its message is one line for a person."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.exit_code = _EXITS.get(code, Exit.FAILED)
        super().__init__(message)


class Connection:
    """An open connection after `hello`. Made by `connect`."""

    hello: HelloReply
    """The daemon's reply to hello."""

    def __init__(self, opened: socket.socket, places: Places) -> None:
        self._socket = opened
        self._places = places
        self._lines = wire.LineBuffer(wire.MAX_REPLY_BYTES)
        self._next_id = 1
        self._unread: deque[bytes] = deque()
        """Lines received together with an earlier one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, params: msgspec.Struct, kind: type[T], *, patience_s: float | None = None) -> T:
        """The daemon's answer. Raises CallFailed when it is an error, DaemonUnreachable when none comes."""
        request_id, self._next_id = self._next_id, self._next_id + 1
        patience_s = ANSWER_TIMEOUT_S if patience_s is None else patience_s
        try:
            self._socket.settimeout(patience_s)
            # Without MSG_NOSIGNAL SIGPIPE would end this process silently when the daemon has ended.
            self._socket.sendall(wire.request(request_id, method, params), socket.MSG_NOSIGNAL)
            answer = wire.decode_response(self._line())
            if answer.error is not None:
                raise CallFailed(answer.error.code, answer.error.message)
            return decode_reply(kind, answer.result)
        except TimeoutError:
            raise self._unreachable(f"did not answer within {patience_s:.0f} s") from None
        except OSError as failed:
            raise self._unreachable(f"broke the connection ({failed.strerror})") from None
        except wire.WireError as broken:
            raise self._unreachable(f"sent an answer that cannot be read ({broken})") from None

    def event(self, kind: type[T]) -> T:
        """The next event after `subscribe`. Raises DaemonUnreachable when none comes."""
        try:
            return decode_reply(kind, wire.decode_event(self._line()))
        except TimeoutError:
            raise self._unreachable("has stopped sending events") from None
        except OSError as failed:
            raise self._unreachable(f"broke the connection ({failed.strerror})") from None
        except wire.WireError as broken:
            raise self._unreachable(f"sent an event that cannot be read ({broken})") from None

    def _line(self) -> bytes:
        while not self._unread:
            received = self._socket.recv(1 << 16)
            if not received:
                raise self._unreachable("closed the connection without an answer")
            self._unread.extend(self._lines.feed(received))
        return self._unread.popleft()

    def _unreachable(self, why: str) -> DaemonUnreachable:
        remedy = f"see {self._places.state}/framed.log"
        return DaemonUnreachable(f"framed on {self._places.control_socket} {why}", remedy)


def connect(places: Places, *, patience_s: float | None = None) -> Connection:
    """A connection to the daemon of this root. `patience_s`: time limit for connecting.

    Raises DaemonUnreachable, Refused (not permitted, or the daemon of another root), CallFailed (other version).
    """
    connection = Connection(_opened(places, CONNECT_TIMEOUT_S if patience_s is None else patience_s), places)
    try:
        greeting = Hello(client=f"framectl {os.getpid()}")
        hello = connection.hello = connection.call("hello", greeting, HelloReply, patience_s=patience_s)
        if hello.protocol.partition(".")[0] != PROTOCOL.partition(".")[0]:
            raise CallFailed(
                ErrorCode.PROTOCOL_MISMATCH,
                f"the daemon (pid {hello.pid}, {hello.server}) speaks protocol {hello.protocol}, and this command "
                f"{PROTOCOL}; restart the daemon",
            )
        if hello.root != str(places.root):
            raise Refused(
                f"the daemon on {places.control_socket} (pid {hello.pid}) serves the root {hello.root}, not "
                f"{places.root}; give --root {shlex.quote(hello.root)}, or restart it if the root was moved"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(places: Places, patience_s: float) -> socket.socket:
    path = places.control_socket
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if places.sockets != places.state:
            check_owner(places.sockets.parent)
        check_owner(places.sockets)
        # Not settimeout: with that, connect fails at once when the listen queue is full, instead of waiting.
        seconds, rest = divmod(patience_s, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(seconds), int(rest * 1e6)))
        opened.connect(str(path))
        _check_peer(opened, places)
    except OSError as failed:
        opened.close()
        raise _connect_error(failed, places) from None
    except BaseException:
        opened.close()
        raise
    return opened


def _check_peer(opened: socket.socket, places: Places) -> None:
    """Raises Refused when another user's process listens there; nothing is sent to it or read from it."""
    credentials = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", credentials)
    if not is_trusted(uid):
        raise Refused(
            f"the process that listens on {places.control_socket} belongs to another user ({user_text(uid)}, pid "
            f"{pid}) and is not trusted; run the command as that user, or find out who started it"
        )


def _connect_error(failed: OSError, places: Places) -> FramedError:
    path = places.control_socket
    from framed.instance_lock import last_daemon_text  # noqa: PLC0415 -- only when there is none

    start = f"start framed with: framed start --root {shlex.quote(str(places.root))}"
    match failed:
        case FileNotFoundError() | NotADirectoryError():
            found = "; ".join(each for each in (f"there is no socket {path}", last_daemon_text(places)) if each)
            return DaemonUnreachable(f"framed is not running: {found}", start)
        case ConnectionRefusedError():
            last = last_daemon_text(places) or "the socket is left from an earlier run"
            return DaemonUnreachable(f"framed is not running: nobody listens on {path}; {last}", start)
        case TimeoutError() | BlockingIOError():
            return DaemonUnreachable(f"framed does not accept connections on {path}", f"see {places.state}/framed.log")
        case PermissionError():
            return Refused(
                f"this user may not connect to the framed of {places.root} ({path}); run the command as its owner"
            )
        case _:
            return DaemonUnreachable(f"{path}: {failed.strerror}", start)
