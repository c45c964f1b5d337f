"""Decodes replies and events for a client, also those of a daemon of a later minor version.

A minor version may add reasons. Those that this version does not know are left out; `reason`, the text, has them all.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from framed.model.reasons import Reason
from framed.protocol.wire import WireError, decode_as

T = TypeVar("T", bound=msgspec.Struct)


def decode_reply(kind: type[T], raw: msgspec.Raw) -> T:
    """The result or the event as the struct it should be. Raises WireError, naming the field."""
    try:
        return decode_as(kind, raw)
    except WireError as misfit:
        # Decoded a second time only then, so that a daemon of the same version costs nothing.
        try:
            known = _with_known_reasons(msgspec.json.decode(raw))
        except (ValueError, RecursionError):
            raise misfit from None
        return decode_as(kind, msgspec.Raw(msgspec.json.encode(known)))


def _with_known_reasons(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: [each for each in content if _is_known(each)]
                if name == "reasons" and isinstance(content, list)
                else _with_known_reasons(content)
                for name, content in value.items()
            }
        case list():
            return [_with_known_reasons(each) for each in value]
        case _:
            return value


def _is_known(reason: object) -> bool:
    try:
        msgspec.convert(reason, Reason)
    except msgspec.ValidationError:
        return False
    return True
