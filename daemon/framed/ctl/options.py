"""The options for extraction settings, made from the settings' declaration: same names, limits and defaults."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from frame_extractor.contract.declaration import Declared, declared
from framed.errors import nearest
from framed.model.project import FrameExtraction, Overrides
from framed.model.values import check_value, shown_default
from framed.protocol.messages import ProjectState

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class Checked(click.ParamType[Any]):
    """A value checked against a type, as those in settings files are."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self._kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 -- click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        return [CompletionItem(word) for word in _choices(self._kind) if word.startswith(incomplete.lower())]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return check_value(self._kind, _as_number(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


class States(click.ParamType[tuple[ProjectState, ...]]):
    """`failed,running`: states of projects, in upper or lower case, each once."""

    name = "STATE[,STATE]"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 -- click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        before, comma, last = incomplete.rpartition(",")
        taken = before.upper().split(",")
        states = [state.value for state in ProjectState if state.value not in taken]
        return [CompletionItem(f"{before}{comma}{state}") for state in states if state.startswith(last.upper())]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[ProjectState, ...]:
        if not isinstance(value, str):
            return tuple(value)
        found: dict[ProjectState, None] = {}
        for word in filter(None, (each.strip() for each in value.split(","))):
            try:
                found[ProjectState(word.upper())] = None
            except ValueError:
                states = [state.value for state in ProjectState]
                near = nearest(word, states)
                meant = f"; did you mean {near}?" if near else ""
                self.fail(f"no such state: {word!r}{meant} States are {', '.join(states)}", param, ctx)
        if not found:
            self.fail("name at least one state", param, ctx)
        return tuple(found)


def extraction_options(command: F, kind: type[FrameExtraction] = FrameExtraction) -> F:
    """Adds an option for every setting of an extraction; collect them with `overrides`."""
    for each in reversed(declared(kind)):
        text = f"{each.setting.help} [{shown_default(each)}]"
        if each.type is bool:
            command = click.option(*each.flag, each.name, default=None, help=text)(command)
            continue
        command = click.option(
            *each.options, each.name, type=Checked(each.name, each.type), metavar=_metavar(each), help=text
        )(command)
    return command


def json_option(command: F) -> F:
    """Adds --json, which arrives as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON, for scripts; docs/protocol.md has its shape.")(
        command
    )


def overrides(options: dict[str, Any]) -> Overrides:
    """The values of `extraction_options`; None for options that were not given."""
    return Overrides(**options)


def _metavar(setting: Declared) -> str:
    """`scene|interval|hybrid`, `SECONDS`, `N|auto`."""
    words = _choices(setting.type)
    return "|".join(words if words and words != ["auto"] else [setting.setting.metavar, *words])


def _choices(kind: Any) -> list[str]:
    """The words that are values of this type; empty for numbers."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(each.value) for each in kind]
    return ["auto"] if "auto" in str(kind) else []


def _as_number(value: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value.lower()
