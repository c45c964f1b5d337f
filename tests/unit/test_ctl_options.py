"""The two command lines as declared: what can be set can be typed, and what one points to is in the other."""

from __future__ import annotations

import click
import msgspec
import pytest

from frame_extractor.contract.declaration import declared
from framed.__main__ import framed
from framed.ctl.command_line import VERBS
from framed.ctl.commands.registry import framectl
from framed.ctl.commands.submit import submit
from framed.ctl.options import overrides
from framed.model.project import FrameExtraction, Overrides


def test_every_setting_of_an_extraction_is_an_option() -> None:
    """Same name, same limits; the guide's names among them."""
    options = {option for param in submit.params for option in param.opts}
    assert {each.options[0] for each in declared(FrameExtraction)} <= options
    assert {"--detector", "--selection", "--max-per-shot", "--dedupe", "--start", "--end", "--keep-all"} <= options
    assert set(Overrides.__struct_fields__) == set(FrameExtraction.__struct_fields__)
    assert {"--projects", "--workers", "--force", "--dry-run", "--root"} <= options


@pytest.mark.parametrize("name", FrameExtraction.__struct_fields__)
def test_default_itself_is_accepted_as_an_option(name: str) -> None:
    """What --help shows in brackets can be typed."""
    default = getattr(FrameExtraction(), name)
    (option,) = (each.options[0] for each in declared(FrameExtraction) if each.name == name)
    typed = [option, str(msgspec.to_builtins(default))]
    if isinstance(default, bool):
        typed = [option if default else f"--no-{option[2:]}"]
    context = submit.make_context("submit", ["onward", *typed])
    given = {key: context.params[key] for key in FrameExtraction.__struct_fields__}
    assert overrides(given) == Overrides(**{name: default})


def test_capital_letters_do_not_matter_in_words() -> None:
    """`--mode Scene` is what people type."""
    context = submit.make_context("submit", ["onward", "--mode", "Scene", "--workers", "AUTO"])
    assert context.params["mode"].value == "scene"
    assert context.params["workers_per_project"] == "auto"


@pytest.mark.parametrize("group", [framed, framectl])
def test_verbs_that_the_other_command_points_to_are_there(group: click.Group) -> None:
    """`framectl start` names `framed start`; the list of verbs is kept in one place for both."""
    assert group.name is not None
    shown = [name for name, command in group.commands.items() if not command.hidden]
    assert sorted(shown) == sorted(VERBS[group.name])


@pytest.mark.parametrize("command", [framed, framectl, *framed.commands.values(), *framectl.commands.values()])
def test_every_command_takes_root_and_explains_itself(command: click.Command) -> None:
    """--root comes before or after the verb; every option says what it does."""
    options = {option for param in command.params for option in param.opts}
    assert "--root" in options
    assert command.help
    assert all(param.help for param in command.params if isinstance(param, click.Option))
