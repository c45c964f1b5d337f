"""What `framectl` prints: data to stdout, messages to stderr, as the output can show it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click
import msgspec

from framed.ctl.command_line import given_color
from framed.ctl.terminal import Terminal, terminal_of
from framed.errors import Exit
from framed.printable import printable
from framed.protocol.messages import CancelReply, PauseReply, ResumeReply


def output_terminal() -> Terminal:
    """What stdout can show, by --color if it was given."""
    return terminal_of(sys.stdout, given_color())


def print_line(line: str) -> None:
    """One line of data; nothing in it steers the terminal."""
    click.echo(printable(line))


def notice(message: str) -> None:
    """One line that is no data."""
    click.echo(f"framectl: {printable(message)}", err=True)


def show(lines: Iterable[str]) -> None:
    """Lines that are made for the screen, colours and all."""
    for line in lines:
        click.echo(line, color=True)


def document(answer: msgspec.Struct) -> None:
    """The answer as one JSON document, indented."""
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))


def record(answer: msgspec.Struct) -> None:
    """The answer as one line of JSON, at once, for whoever reads a stream."""
    click.echo(msgspec.json.encode(answer))


def show_outcomes(reply: CancelReply | PauseReply | ResumeReply, *, when_empty: str, as_json: bool) -> int:
    """What became of each project; `otherwise`, when there was none to ask."""
    if as_json:
        document(reply)
        return Exit.OK
    for outcome in reply.outcomes:
        print_line(f"{outcome.project}: {outcome.message}")
    if not reply.outcomes:
        notice(when_empty)
    return Exit.OK
