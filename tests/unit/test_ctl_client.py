"""The client against a socket that answers strangely, late or not at all."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from framed.ctl import client
from framed.ctl.client import CallFailed, connect
from framed.errors import DaemonUnreachable, Exit, Refused
from framed.protocol import wire
from framed.protocol.messages import (
    ErrorCode,
    HelloReply,
    MachineStatus,
    ProjectState,
    ProjectStatus,
    SlotsStatus,
    Status,
    StatusReply,
)
from framed.settings.places import Places, load_places

HELLO = wire.reply(1, HelloReply(protocol="1.7", server="framed 9", pid=1, root="ROOT"))
"""Of the daemon of the root that is asked for."""
STATUS = StatusReply(
    machine=MachineStatus(cpu_percent=1.0, cores=1, memory_used_bytes=1, memory_total_bytes=2, output_free_bytes=None),
    slots=SlotsStatus(used=0, total=1, running_projects=0, max_active=1),
    projects=(),
)

Serve = Callable[..., Places]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Listens, and sends one of the given answers for each line that arrives; after the last it hangs up."""
    with tempfile.TemporaryDirectory(prefix="client-") as folder:
        places = load_places(Path(folder).resolve(), {"HOME": folder})
        places.state.mkdir()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(places.control_socket))
        listener.listen()
        over = threading.Event()
        threads = []

        def start(*answers: bytes | None) -> Places:
            def answer() -> None:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as lines:
                    for each in answers:
                        lines.readline()
                        if each is None:
                            over.wait(10)
                            return
                        connection.sendall(each.replace(b"ROOT", str(places.root).encode()))

            threads.append(threading.Thread(target=answer))
            threads[-1].start()
            return places

        try:
            yield start
        finally:
            over.set()
            for thread in threads:
                thread.join()
            listener.close()


def test_daemon_of_a_later_minor_version_is_understood(serve: Serve) -> None:
    """Only another major version is refused."""
    places = serve(HELLO, wire.reply(2, STATUS))
    with connect(places) as daemon:
        assert daemon.hello.server == "framed 9"
        assert daemon.call("status", Status(), StatusReply) == STATUS


def test_status_of_ten_thousand_projects_is_taken(serve: Serve) -> None:
    """An answer may be far longer than a call."""
    many = tuple(ProjectStatus(name=f"film {number}", state=ProjectState.NEW) for number in range(10_000))
    status = msgspec.structs.replace(STATUS, projects=many)
    answer = wire.reply(2, status)
    assert len(answer) > 2 * wire.MAX_REQUEST_BYTES
    with connect(serve(HELLO, answer)) as daemon:
        assert daemon.call("status", Status(), StatusReply) == status


@pytest.mark.parametrize(
    "answer",
    [
        wire.reply(1, HelloReply(protocol="2.0", server="framed 9", pid=7, root="/")),
        wire.error(1, ErrorCode.PROTOCOL_MISMATCH, "this framed speaks protocol 2.0"),
    ],
)
def test_daemon_of_another_major_version_is_exit_5(serve: Serve, answer: bytes) -> None:
    """Whoever of the two notices first."""
    with pytest.raises(CallFailed, match=r"protocol 2\.0") as refused:
        connect(serve(answer))
    assert refused.value.exit_code is Exit.PROTOCOL_MISMATCH


def test_daemon_of_another_root_is_refused_and_both_are_named(serve: Serve) -> None:
    """As after the root was moved while its daemon ran."""
    places = serve(wire.reply(1, HelloReply(protocol="1.0", server="framed 9", pid=7, root="/moved/away")))
    with pytest.raises(Refused, match=r"serves the root /moved/away, not .*; give --root /moved/away") as refused:
        connect(places)
    assert str(places.root) in str(refused.value)
    assert refused.value.exit_code == Exit.REFUSED


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (ErrorCode.INVALID_PARAMS, 2),
        (ErrorCode.BAD_SETTINGS, 2),
        (ErrorCode.NO_SUCH_PROJECT, 4),
        (ErrorCode.NO_FILM, 4),
        (ErrorCode.REFUSED, 6),
        (ErrorCode.STATE_UNAVAILABLE, 6),
        (ErrorCode.INTERNAL, 1),
        (-32099, 1),
    ],
)
def test_error_of_the_daemon_has_its_exit_code_and_its_words(serve: Serve, code: ErrorCode, exit_code: int) -> None:
    """Also a code that this version does not know."""
    places = serve(HELLO, wire.error(2, code, "what, where, what next"))
    with connect(places) as daemon, pytest.raises(CallFailed, match=r"^what, where, what next$") as failed:
        daemon.call("status", Status(), StatusReply)
    assert failed.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "closed the connection without an answer|broke the connection"),
        ([b""], "closed the connection without an answer"),
        ([b'{"jsonrpc": "2.0"'], "closed the connection without an answer"),
        ([b"\x00\xff\n"], "sent an answer that cannot be read"),
        ([b'{"jsonrpc":"2.0","id":1,"result":{"protocol":5}}\n'], "sent an answer that cannot be read"),
        ([b"x" * (wire.MAX_REPLY_BYTES + 100)], "sent an answer that cannot be read"),
        ([None], "did not answer within 0 s"),
    ],
)
def test_strange_or_missing_answer_is_exit_3_and_says_which(
    serve: Serve, answers: list[bytes | None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And sends people to the daemon's log, not to start a second one."""
    if None in answers:
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.2)
    with pytest.raises(DaemonUnreachable, match=rf"framed on .*control.sock ({why}).*; see .*framed.log") as caught:
        connect(serve(*answers))
    assert caught.value.exit_code is Exit.UNREACHABLE
