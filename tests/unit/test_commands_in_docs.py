"""Every command that the documents say to type is one that there is, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from framed.__main__ import framed
from framed.ctl.commands.registry import framectl

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS: dict[str, click.Group] = {"framed": framed, "framectl": framectl}
_TYPED = re.compile(r"`((?:framectl|framed) [^`\n]+)`|^(?: {4}|\$ )((?:framectl|framed) .+)$", re.MULTILINE)
_SEVERAL = re.compile(r"[\[|&;]|[A-Z]{2,}\.\.\.|\.\.\.|\b(VERB|SHELL)\b")
"""A pattern of commands, or more than one."""


def typed(document: Path) -> Iterator[list[str]]:
    """The words of each."""
    for quoted, line in _TYPED.findall(document.read_text(encoding="utf-8")):
        command = (quoted or re.split(r"\s{2,}|\s#", line)[0]).strip().rstrip(";,.")
        if not _SEVERAL.search(command):
            yield shlex.split(command)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_are_understood(document: Path) -> None:
    """Verb, options and arguments; what they would do is for other tests."""
    for program, *typed_words in typed(document):
        words = typed_words[2:] if typed_words[:1] == ["--root"] else typed_words
        if not words or words[0].startswith("-"):
            continue
        group = PROGRAMS[program]
        try:
            with click.Context(group, info_name=program) as context:
                name, verb, rest = group.resolve_command(context, words)
                assert verb is not None
                verb.make_context(name, rest, parent=context)
        except (click.exceptions.Exit, click.MissingParameter):
            continue  # --help; or the verb is only spoken of
        except click.UsageError as wrong:
            pytest.fail(f"{program} {shlex.join(words)}: {wrong.format_message()}")


def test_documents_have_commands_in_them() -> None:
    """Or nothing was checked."""
    assert sum(1 for _ in typed(ROOT / "docs" / "guide-map.md")) > 20
    assert sum(1 for _ in typed(ROOT / "README.md")) > 10
