"""What every verb that changes something does: answers once for each key, and tries again what came too late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import msgspec

from framed.control.messages import Cancel, Pause, Resume, Retry, Submit
from framed.errors import FramedError, Refused
from framed.policy.lifecycle import IllegalEvent
from framed.state.ledger import Ledger, ProjectBusy

T = TypeVar("T")
Reply = TypeVar("Reply", bound=msgspec.Struct)

_TRIES: Final = 5
"""A job may change between being looked at and being changed; then it is looked at again."""


class ProjectsNotSaid(FramedError):
    """Neither some projects nor all of them, or both."""

    def __init__(self) -> None:
        super().__init__("say `projects`, or `all`, and not both")


def named(params: Submit | Retry | Cancel | Pause | Resume, every: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """The projects that a request means, each once. Raises ProjectsNotSaid."""
    if bool(params.projects) == params.every:
        raise ProjectsNotSaid
    return tuple(dict.fromkeys(every() if params.every else params.projects))


async def answered(ledger: Ledger, key: str, kind: type[Reply]) -> Reply | None:
    """What was answered under this idempotency key. Raises StoreUnavailable."""
    reply = await ledger.reply(key)
    return None if reply is None else msgspec.json.decode(reply, type=kind)


async def tried_again(change: Callable[[], Awaitable[T]]) -> T:
    """The change made against jobs as they were when it was written down. Raises Refused."""
    for _ in range(_TRIES):
        try:
            return await change()
        except (IllegalEvent, ProjectBusy):
            continue
    raise Refused("the jobs change faster than they can be asked to; try again")
