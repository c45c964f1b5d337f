"""How `framectl` prints: data to stdout, messages to stderr."""

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
    """What stdout can show; --color overrides what is detected."""
    return terminal_of(sys.stdout, given_color())


def print_line(line: str) -> None:
    """Prints one line of data, control characters escaped."""
    click.echo(printable(line))


def notice(message: str) -> None:
    """Prints one line on stderr, control characters escaped."""
    click.echo(f"framectl: {printable(message)}", err=True)


def show(lines: Iterable[str]) -> None:
    """Prints rendered lines, with their colours."""
    for line in lines:
        click.echo(line, color=True)


def document(answer: msgspec.Struct) -> None:
    """Prints the answer as one indented JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))


def record(answer: msgspec.Struct) -> None:
    """Prints the answer as one line of JSON."""
    click.echo(msgspec.json.encode(answer))


def show_outcomes(reply: CancelReply | PauseReply | ResumeReply, *, when_empty: str, as_json: bool) -> int:
    """Prints the outcome of each project, or `when_empty` when there is none."""
    if as_json:
        document(reply)
        return Exit.OK
    for outcome in reply.outcomes:
        print_line(f"{outcome.project}: {outcome.message}")
    if not reply.outcomes:
        notice(when_empty)
    return Exit.OK
