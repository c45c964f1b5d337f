"""What clients that mean harm, or know no better, cannot do to a daemon, nor to others who ask it meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from framed.control.server import MAX_CONNECTIONS
from tests.harness.root import QUICK, Root, roots
from tests.harness.until import DEADLINE_S, until

HELLO = b'{"jsonrpc":"2.0","id":0,"method":"hello","params":{"protocol":"1.0"}}\n'
GROWTH_BYTES = 64 << 20
"""What the daemon may have more of after all of it: allocators keep something for the next time."""


@pytest.fixture(scope="module")
def root() -> Iterator[Root]:
    # Where another user gets to as well, unlike pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        for make in roots(Path(folder).resolve()):
            made: Root = make(QUICK)
            made.start()
            yield made


@pytest.fixture
def others_are_served(root: Root) -> Iterator[None]:
    """Throughout, and after; at no cost of memory."""
    daemon = psutil.Process(json.loads(root.places.lock_file.read_text(encoding="utf-8"))["pid"])
    before = daemon.memory_info().rss
    witness = connected(root)
    witness.sendall(HELLO)
    assert b"result" in received(witness)
    yield
    witness.sendall(HELLO)
    assert b"result" in received(witness)
    witness.close()
    assert root.reply().slots.total == 4
    assert daemon.memory_info().rss - before < GROWTH_BYTES


def connected(root: Root) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Blocking: one that does not wait is turned away when there is a queue.
    made.connect(str(root.places.control_socket))
    made.settimeout(DEADLINE_S)
    return made


def received(client: socket.socket) -> bytes:
    """All until a line ends or the daemon hangs up."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while not received.endswith(b"\n") and (more := client.recv(1 << 16)):
            received += more
    return received


def is_hung_up(client: socket.socket) -> bool:
    with contextlib.suppress(ConnectionResetError):
        return client.recv(1) == b""
    return True


@pytest.mark.usefixtures("others_are_served")
@pytest.mark.parametrize(
    "content",
    [
        b"Content-Length: 9223372036854775808\r\n\r\n",
        struct.pack(">Q", 1 << 63) + b'{"jsonrpc":"2.0"}\n',
        b"\0" * 4096 + b"\n",
        b'{"jsonrpc":"2.0","id":1,"method":"hello\0"}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":"' + b"9" * 300 + b'"}}\n',
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"hello"}\n',
        b"\xff\xfe" * 2000 + b"\n",
        b'{"a":' * 50_000 + b"\n",
    ],
    ids=["length header", "length prefix", "NULs", "NUL in a name", "version", "number", "no UTF-8", "nested"],
)
def test_what_is_no_request_is_answered_with_one_error(root: Root, content: bytes) -> None:
    """Whatever it says of its own length."""
    with contextlib.closing(connected(root)) as client:
        client.sendall(content)
        assert "error" in json.loads(received(client))


@pytest.mark.usefixtures("others_are_served")
def test_ten_megabytes_without_a_newline_are_cut_off(root: Root) -> None:
    """From twenty clients at once, before and after hello."""
    clients = [connected(root) for _ in range(20)]
    for client in clients[:10]:
        client.sendall(HELLO)
        assert b"result" in received(client)
    for client in clients:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(b"x" * 10_000_000, socket.MSG_NOSIGNAL)
        client.close()


@pytest.mark.usefixtures("others_are_served")
def test_half_a_message_and_then_silence_is_shown_out(root: Root) -> None:
    """Who never says hello after 5 s, who never ends a message after 10; a wrong major version may try again."""
    silent, half, other = connected(root), connected(root), connected(root)
    half.sendall(HELLO + HELLO[:30])
    assert b"result" in received(half)
    other.sendall(HELLO.replace(b"1.0", b"2.0"))
    assert b"-32005" in received(other)
    assert is_hung_up(silent)
    assert is_hung_up(other)
    assert is_hung_up(half)
    for client in (silent, half, other):
        client.close()


@pytest.mark.usefixtures("others_are_served")
def test_who_never_reads_holds_up_nobody(root: Root) -> None:
    """Its answers pile up in its own socket and no further."""
    with contextlib.closing(connected(root)) as client:
        client.sendall(HELLO)
        client.settimeout(0.5)
        request = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n' * 1000
        n_sent = 0
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            while n_sent < 1000:
                client.sendall(request, socket.MSG_NOSIGNAL)
                n_sent += 1
        assert n_sent < 1000


def test_a_thousand_connections_leave_room_for_who_asks(root: Root) -> None:
    """The daemon keeps as many as it said; the one that asks is served while all of them are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    daemon = psutil.Process(json.loads(root.places.lock_file.read_text(encoding="utf-8"))["pid"])
    before = daemon.num_fds()
    clients: list[socket.socket] = []
    try:
        for number in range(1000):
            clients.append(connected(root))
            if number % 100 == 0:
                assert root.reply().slots.total == 4
        assert root.reply().slots.total == 4
        assert daemon.num_fds() <= before + MAX_CONNECTIONS + 8
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert root.reply().slots.total == 4


def test_subscribers_that_take_every_place_leave_one_for_who_asks(root: Root) -> None:
    """The one that has been silent longest gives way, though none of them ever reads."""
    subscribe = b'{"jsonrpc":"2.0","id":1,"method":"subscribe"}\n'
    clients = [connected(root) for _ in range(MAX_CONNECTIONS + 10)]
    for client in clients:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(HELLO + subscribe, socket.MSG_NOSIGNAL)
    for _ in range(20):
        assert root.reply().slots.total == 4
    for client in clients:
        client.close()


@pytest.mark.usefixtures("others_are_served")
def test_client_that_hangs_up_or_stops_writing_is_no_error(root: Root) -> None:
    """Half closed, it is answered all it has asked; hung up in the middle of anything, it is forgotten."""
    status = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'
    with contextlib.closing(connected(root)) as client:
        client.sendall(HELLO + status)
        client.shutdown(socket.SHUT_WR)
        answers = b""
        while more := client.recv(1 << 16):
            answers += more
        assert answers.count(b'"result"') == 2
    for sent in (b"", HELLO[:20], HELLO, HELLO + status[:20], HELLO + status * 100):
        client = connected(root)
        client.sendall(sent)
        client.close()


@pytest.mark.usefixtures("others_are_served")
def test_files_that_are_passed_along_are_not_taken(root: Root) -> None:
    """A socket of this kind can carry open files, of which the daemon would run out."""
    daemon = psutil.Process(json.loads(root.places.lock_file.read_text(encoding="utf-8"))["pid"])
    with contextlib.closing(connected(root)) as client, open(os.devnull, "rb") as passed:
        client.sendall(HELLO)
        assert b"result" in received(client)
        before = daemon.num_fds()
        for _ in range(20):
            socket.send_fds(client, [HELLO], [passed.fileno()] * 100)
            assert b"result" in received(client)
        assert daemon.num_fds() <= before + 8


@pytest.mark.usefixtures("others_are_served")
def test_many_requests_in_one_are_refused(root: Root) -> None:
    """There are no batches, which would be answered without a bound."""
    with contextlib.closing(connected(root)) as client:
        client.sendall(b"[" + b",".join([HELLO.strip()] * 1000) + b"]\n")
        assert b"-32600" in received(client)
        assert is_hung_up(client)


_AS_SOMEBODY_ELSE = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
client.settimeout(20)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print("not let in")
    sys.exit()
try:
    client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"hello"}' + bytes([10]))
    print(client.recv(100))
except (BrokenPipeError, ConnectionResetError):
    print(b"")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.usefixtures("others_are_served")
def test_other_user_is_kept_out_twice(root: Root) -> None:
    """By the folder's mode; and where somebody has opened that, by the uid that the kernel reports: silently."""

    def tried() -> str:
        command = [sys.executable, "-c", _AS_SOMEBODY_ELSE, str(root.places.control_socket)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd="/").stdout.strip()

    assert tried() == "not let in"
    opened = [root.places.root, root.places.sockets]
    modes = [path.stat().st_mode for path in opened]
    try:
        for path in opened:
            path.chmod(0o755)
        root.places.control_socket.chmod(0o666)
        assert tried() == "b''"
    finally:
        root.places.control_socket.chmod(0o600)
        for path, mode in zip(opened, modes, strict=True):
            path.chmod(mode)
    until(lambda: "connection of another user refused uid=65534" in root.log_of(0), "it is logged")
