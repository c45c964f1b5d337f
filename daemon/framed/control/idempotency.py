"""Idempotency: a request that changes something is carried out once for its key, however often it is sent.

The only module that knows of keys. A verb whose `params` are `Keyed` is given a `Commit`, which writes its change to
the ledger together with its reply under the key, so that both are on the disk or neither is. Requests under different
keys do not wait for each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import msgspec

from framed.errors import Refused
from framed.host.clock import read_clocks
from framed.model.job import Job
from framed.protocol.messages import Keyed
from framed.protocol.verbs import Verb
from framed.state.ledger import Change, Ledger
from framed.state.replies import KeptReply

Params = TypeVar("Params", bound=Keyed)
Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True)
class Decision(Generic[Reply]):
    """What a request changes, and its reply, which may depend on the jobs that the change makes."""

    change: Change
    reply: Callable[[Mapping[str, Job]], Reply]
    """Given the jobs that have changed or are new, by project."""


@dataclass(frozen=True)
class Committed(Generic[Reply]):
    """What is on the disk now."""

    reply: Reply
    jobs: Mapping[str, Job]
    """Those that have changed or are new, by project."""


@dataclass(frozen=True)
class Commit:
    """Writes one request's change and its reply to the ledger, both or neither."""

    ledger: Ledger
    key: str
    verb: str

    async def __call__(self, decide: Callable[[], Decision[Reply]]) -> Committed[Reply]:
        """`decide` is called when no other change can come between. Raises StoreUnavailable, and what it raises."""
        replies: list[Reply] = []

        def change() -> Change:
            decision = decide()

            def answer(jobs: Mapping[str, Job]) -> KeptReply:
                reply = decision.reply(jobs)
                replies.append(reply)
                body, now = msgspec.json.encode(reply), read_clocks().utc
                return KeptReply(key=self.key, verb=self.verb, reply=body, answered_at=now)

            return dataclasses.replace(decision.change, answer=answer)

        jobs = await self.ledger.decide(change)
        return Committed(replies[-1], jobs)


@dataclass
class _InUse:
    """A key under which requests are being carried out or wait."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    n_requests: int = 0


class Idempotency:
    """Remembers replies in the ledger, and which keys are in use just now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._in_use: dict[str, _InUse] = {}

    async def carry_out(
        self, verb: Verb[Params, Reply], key: str, change: Callable[[Commit], Awaitable[Reply]]
    ) -> Reply:
        """The reply of `change`, or the one that was given under the key before.

        A request that fails uses up no key. Raises StoreUnavailable, Refused for a key that another verb has used, and
        what `change` raises.
        """
        async with self._alone(key):
            kept = await self._ledger.reply(key)
            if kept is not None:
                return _repeated(kept, verb)
            return await change(Commit(self._ledger, key, verb.name))

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


def _repeated(kept: KeptReply, verb: Verb[Params, Reply]) -> Reply:
    """The reply kept under the key. Raises Refused when it is the reply to another verb."""
    if kept.verb not in (verb.name, None):
        raise _used(kept.key, f"by `{kept.verb}`")
    if kept.reply is None:
        raise Refused(
            f"`{verb.name}` under the key {kept.key!r} has been carried out, and its answer was too long to be kept; "
            "see framectl status"
        )
    try:
        return msgspec.json.decode(kept.reply, type=verb.reply)
    except msgspec.ValidationError:
        if kept.verb is not None:
            raise
        raise _used(kept.key, "by another verb") from None


def _used(key: str, by: str) -> Refused:
    return Refused(f"the key {key!r} has been used {by}; a key is for one request, take a new one")
