"""`framectl logs`: reads the log from the daemon in pieces and prints complete lines, control characters escaped."""

from __future__ import annotations

import sys
import time
from typing import Final

import msgspec

from framed.ctl.output import document, notice, print_line, record
from framed.ctl.reconnecting import ReconnectingClient
from framed.errors import Exit
from framed.protocol.queries import Logs, LogsReply
from framed.settings.places import Places

POLL_S: Final = 0.5


def read_log(places: Places, project: str, n_lines: int, *, follow: bool, as_json: bool) -> Exit:
    """Prints the last lines; with `follow`, new ones until the job has ended, also across restarts of the daemon.

    With `as_json` one document, or with `follow` a line of JSON for each piece; its bytes are base64.
    """
    client = ReconnectingClient(places)
    first = client.call("logs", Logs(project=project, lines=n_lines), LogsReply)
    assert first is not None
    lines = _Lines()
    piece, content = first, bytearray(first.content)
    if follow and not first.size_bytes and not first.is_over:
        notice(f"{project} is {first.state.value}; its log is still empty")
    elif not first.size_bytes and not as_json:
        notice(f"{project} is {first.state.value}; its log {first.path} is empty or missing")
    while True:
        if as_json and follow and (piece.content or piece is first):
            record(piece)
        elif not as_json:
            lines.add(piece.content)
        is_more = piece.next_offset < piece.size_bytes
        if not is_more and (piece.is_over or not follow):
            break
        if not is_more:
            sys.stdout.flush()
            time.sleep(POLL_S)
        read = client.call("logs", Logs(project=project, offset=piece.next_offset), LogsReply)
        if read is not None and read.job_id != piece.job_id:
            notice(f"another job of {project} has started")
            read = client.call("logs", Logs(project=project, offset=0), LogsReply)
        if read is not None:
            piece = read
            content += piece.content if as_json and not follow else b""
        else:
            piece = msgspec.structs.replace(piece, content=b"")
    if as_json and not follow:
        document(msgspec.structs.replace(piece, offset=first.offset, content=bytes(content)))
    lines.end()
    return Exit.OK


class _Lines:
    """Prints complete lines from pieces of text."""

    def __init__(self) -> None:
        self._incomplete = b""

    def add(self, content: bytes) -> None:
        *lines, self._incomplete = (self._incomplete + content).split(b"\n")
        for line in lines:
            _print(line)

    def end(self) -> None:
        if self._incomplete:
            _print(self._incomplete)
            self._incomplete = b""


def _print(line: bytes) -> None:
    print_line(line.removesuffix(b"\r").decode(errors="backslashreplace").expandtabs())
