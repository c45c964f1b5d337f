"""Checks one value against its type, with messages for people. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import inspect

from frame_extractor.contract.declaration import Declared
from frame_extractor.contract.film_time import EXPECTED, is_film_time, seconds_of

T = TypeVar("T")


def check_value(kind: type[T], value: object) -> T:
    """The value as `kind`. Raises ValueError with a message for people: what it must be, and what it is."""
    if value is None:
        raise ValueError("has no value; give it one, or leave it out")
    try:
        if isinstance(value, str) and is_film_time(inspect.type_info(kind)):
            return msgspec.convert(seconds_of(value), kind)
        return msgspec.convert(value, kind)
    except ValueError:  # msgspec.ValidationError is one
        raise ValueError(f"must be {expected(kind)}, not {_shown(value)}") from None


def expected(kind: object) -> str:
    """What a value of this type looks like: `a whole number from 1 to 1000 or auto`."""
    return _expected(inspect.type_info(kind))


def takes_list(kind: object) -> bool:
    """Whether a list may be a value of this type."""
    info = inspect.type_info(kind)
    return any(isinstance(each, inspect.VarTupleType) for each in getattr(info, "types", (info,)))


def words_of(kind: object) -> tuple[str, ...]:
    """The words that are values of a type that has no others."""
    info = inspect.type_info(kind)
    return tuple(str(member.value) for member in info.cls) if isinstance(info, inspect.EnumType) else ()


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.EnumType():
            return _one_of([str(member.value) for member in kind.cls])
        case inspect.LiteralType():
            return _one_of([str(value) for value in kind.values])
        case inspect.BoolType():
            return "true or false"
        case inspect.Metadata() if is_film_time(kind):
            return EXPECTED
        case inspect.Metadata(extra_json_schema={"examples": [example, *_]}):
            return f"text like {example}"
        case inspect.StrType():
            return "text"
        case inspect.IntType():
            return f"a whole number{_bounds(kind)}"
        case inspect.FloatType():
            return f"a number{_bounds(kind)}"
        case inspect.VarTupleType():
            return "a list, as in [one, two]"
        case inspect.UnionType():
            return " or ".join(_expected(each) for each in kind.types)
        case _:
            return "something else"


def _one_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    """Every number that may be given has both; a test asks for them."""
    return f" from {_plain(kind.ge)} to {_plain(kind.le)}" if kind.ge is not None and kind.le is not None else ""


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def as_written(value: object) -> str:
    """The value as a settings file says it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(as_written(each) for each in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown_default(setting: Declared) -> str:
    """The default as help texts and documents show it."""
    return setting.written(setting.default)


def _shown(value: object) -> str:
    shown = f"'{value}'" if isinstance(value, str) else as_written(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
