"""How a setting is declared: once, in the type of its field, as `Annotated[TYPE, msgspec.Meta(BOUNDS), Setting(...)]`.

Keys of settings files, options of both commands, overrides, help texts, the results' `config` and the table in
docs/configuration.md are made from that. Knows no setting itself.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec

from frame_extractor.contract.film_time import film_time, is_film_time


@dataclass(frozen=True)
class Setting:
    """What the type and the default of a setting do not say."""

    help: str
    """One sentence: the help text of its option in both commands."""
    meaning: str | None = None
    """For docs/configuration.md, in Markdown; None: the help text."""
    metavar: str = "N"
    """The placeholder of its number in a help text: its unit, as SECONDS."""
    section: str = "frame_extraction"
    """Of settings files."""
    option: str | None = None
    """The name of its option where that is not the name of its field: `start` for `--start`."""
    key: str | None = None
    """Its key in settings files, the same: `range.start` for the key `start` of a mapping `range` in its section."""
    other_names: tuple[str, ...] = ()
    """Other spellings of its key and its option."""
    since: str | None = None
    """The version that brought it. Results of an earlier one lack it, and were made as its default says; so a new
    setting's default is what was done before. None: it has always been there, and results without it are refused.
    """


@dataclass(frozen=True)
class Declared:
    """One setting, as its struct declares it."""

    name: str
    type: Any
    """With bounds, without `Setting`."""
    default: Any
    setting: Setting
    plain_type: Any
    """Without bounds: for a value that is checked where it is used, or that was checked when it was stored."""

    @property
    def options(self) -> tuple[str, ...]:
        """`--workers-per-project`, `--workers`."""
        names = (self.setting.option or self.name, *self.setting.other_names)
        return tuple(f"--{name.replace('_', '-')}" for name in names)

    @property
    def flag(self) -> tuple[str, ...]:
        """The same as a flag of click's: `--keep-all/--no-keep-all`."""
        return tuple(f"{option}/--no-{option[2:]}" for option in self.options)

    @property
    def key(self) -> str:
        """In settings files."""
        return self.setting.key or self.name

    def written(self, value: object) -> str:
        """A value of it as a person writes it in a settings file."""
        if isinstance(value, float) and is_film_time(msgspec.inspect.type_info(self.type)):
            return film_time(value)
        return str(value).lower() if isinstance(value, bool) else str(value)


@functools.cache
def declared(kind: type[msgspec.Struct]) -> tuple[Declared, ...]:
    """Every field of the struct that is declared as a setting, there or in a class above it, in order."""
    settings: dict[str, Setting] = {}
    for owner in kind.__mro__:
        if issubclass(owner, msgspec.Struct):
            for name, hint in get_type_hints(owner, include_extras=True).items():
                for each in getattr(hint, "__metadata__", ()):
                    if isinstance(each, Setting):
                        settings.setdefault(name, each)
    plain_types = get_type_hints(kind)
    return tuple(
        Declared(
            name=field.name,
            type=_without_setting(field.type),
            default=msgspec.to_builtins(field.default),
            setting=settings[field.name],
            plain_type=plain_types[field.name],
        )
        for field in msgspec.structs.fields(kind)
        if field.name in settings
    )


def _without_setting(hint: Any) -> Any:
    if get_origin(hint) is not Annotated:
        return hint
    others = tuple(each for each in hint.__metadata__ if not isinstance(each, Setting))
    return Annotated[(hint.__origin__, *others)] if others else hint.__origin__
