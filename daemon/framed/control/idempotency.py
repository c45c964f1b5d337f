"""Idempotency: a request that changes something is carried out once for its key, however often it is sent.

The one place that knows of keys: a verb whose `params` are `Keyed` is given `keep`, and hands what that makes of its
answer to the ledger together with the change, so that both are on the disk or neither is. Requests under different
keys do not wait for each other.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import msgspec

from framed.errors import Refused
from framed.host.clock import read_clocks
from framed.protocol.messages import Keyed
from framed.state.ledger import Ledger
from framed.state.replies import KeptReply

Params = TypeVar("Params", bound=Keyed)
Reply = TypeVar("Reply", bound=msgspec.Struct)

Keep = Callable[[msgspec.Struct], KeptReply]
"""Makes of a verb's answer what is to be kept under its request's key."""


@dataclass
class _InUse:
    """A key under which requests are being carried out or wait."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    n_requests: int = 0


class Idempotency:
    """Remembers answers in the ledger, and which keys are in use just now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._in_use: dict[str, _InUse] = {}

    def answering(
        self, verb: str, kind: type[Reply], change: Callable[[Params, Keep], Awaitable[Reply]]
    ) -> Callable[[Params], Awaitable[Reply]]:
        """`change` as a verb that is carried out once for each key; `kind`: of its answer.

        A request that fails uses up no key. Raises StoreUnavailable, Refused for a key that another verb has used, and
        what `change` raises.
        """

        async def answered(params: Params) -> Reply:
            def keep(reply: msgspec.Struct) -> KeptReply:
                body, now = msgspec.json.encode(reply), read_clocks().utc
                return KeptReply(key=params.key, verb=verb, reply=body, answered_at=now)

            async with self._alone(params.key):
                kept = await self._ledger.reply(params.key)
                return await change(params, keep) if kept is None else _repeated(kept, verb, kind)

        return answered

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """No other request under this key is being carried out."""
        in_use = self._in_use.setdefault(key, _InUse())
        in_use.n_requests += 1
        try:
            async with in_use.lock:
                yield
        finally:
            in_use.n_requests -= 1
            if not in_use.n_requests:
                del self._in_use[key]


def _repeated(kept: KeptReply, verb: str, kind: type[Reply]) -> Reply:
    """What was answered under the key, whatever is asked now. Raises Refused when that is no answer to this verb."""
    if kept.verb not in (verb, None):
        raise _used(kept.key, f"by `{kept.verb}`")
    if kept.reply is None:
        raise Refused(
            f"`{verb}` under the key {kept.key!r} has been carried out, and its answer was too long to be kept; "
            "see framectl status"
        )
    try:
        return msgspec.json.decode(kept.reply, type=kind)
    except msgspec.ValidationError:
        if kept.verb is not None:
            raise
        raise _used(kept.key, "by another verb") from None


def _used(key: str, by: str) -> Refused:
    return Refused(f"the key {key!r} has been used {by}; a key is for one request, take a new one")
