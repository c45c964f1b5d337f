"""The daemon's other end: one blocking connection, one call at a time. Knows no verb."""

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
from framed.private_files import check_owner, is_trusted, user_words
from framed.protocol import wire
from framed.protocol.messages import PROTOCOL, ErrorCode, Hello, HelloReply
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
    """An open connection on which `hello` has been said. Made by `connect`."""

    hello: HelloReply
    """What the daemon said of itself."""

    def __init__(self, opened: socket.socket, places: Places) -> None:
        self._socket = opened
        self._places = places
        self._lines = wire.LineBuffer(wire.MAX_REPLY_BYTES)
        self._next_id = 1
        self._unread: deque[bytes] = deque()
        """Lines that came with the one that was waited for."""

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
            # Without MSG_NOSIGNAL a daemon that has gone would end this process without a word, as a closed pipe does.
            self._socket.sendall(wire.request(request_id, method, params), socket.MSG_NOSIGNAL)
            answer = wire.decode_response(self._line())
            if answer.error is not None:
                raise CallFailed(answer.error.code, answer.error.message)
            return wire.decode_as(kind, answer.result)
        except TimeoutError:
            raise self._unreachable(f"did not answer within {patience_s:.0f} s") from None
        except OSError as failed:
            raise self._unreachable(f"broke the connection ({failed.strerror})") from None
        except wire.WireError as broken:
            raise self._unreachable(f"gave an answer that is not understood ({broken})") from None

    def event(self, kind: type[T]) -> T:
        """The next that is told after `subscribe`. Raises DaemonUnreachable when none comes."""
        try:
            return wire.decode_as(kind, wire.decode_event(self._line()))
        except TimeoutError:
            raise self._unreachable("tells nothing any more") from None
        except OSError as failed:
            raise self._unreachable(f"broke the connection ({failed.strerror})") from None
        except wire.WireError as broken:
            raise self._unreachable(f"told what is not understood ({broken})") from None

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
    """A connection to the daemon of this root; `patience_s` for being let in.

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
        # Not settimeout, with which a socket does not wait for its turn when many connect at once, but gives up.
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
    """Raises Refused when somebody else listens there: nothing is said to him, and nothing he says is believed."""
    credentials = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", credentials)
    if not is_trusted(uid):
        raise Refused(
            f"{places.control_socket} is answered by a process of another user ({user_words(uid)}, pid {pid}), which "
            f"is not trusted; give the command as that user, or see who has put it there"
        )


def _connect_error(failed: OSError, places: Places) -> FramedError:
    path = places.control_socket
    from framed.instance_lock import last_daemon_text  # noqa: PLC0415 -- only when there is none

    start = f"start framed with: framed start --root {shlex.quote(str(places.root))}"
    match failed:
        case FileNotFoundError() | NotADirectoryError():
            last = last_daemon_text(places)
            return DaemonUnreachable(f"framed is not running: there is no socket {path}{last and f'; {last}'}", start)
        case ConnectionRefusedError():
            last = last_daemon_text(places) or "the last one left it behind"
            return DaemonUnreachable(f"framed is not running: nobody listens on {path}; {last}", start)
        case TimeoutError() | BlockingIOError():
            return DaemonUnreachable(f"framed takes no connections on {path}", f"see {places.state}/framed.log")
        case PermissionError():
            return Refused(f"this user may not talk to the framed of {places.root} ({path})")
        case _:
            return DaemonUnreachable(f"{path}: {failed.strerror}", start)
