"""The verbs that the daemon serves: the only place on its side that names them all.

The type checker ensures that a handler takes the params of its verb and returns its reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from framed.control.feed import Subscription
from framed.control.idempotency import Commit, Idempotency
from framed.control.verbs.attach import attach
from framed.control.verbs.cancel import cancel
from framed.control.verbs.clean import clean
from framed.control.verbs.context import VerbContext
from framed.control.verbs.drain import drain, undrain
from framed.control.verbs.hello import hello
from framed.control.verbs.logs import logs
from framed.control.verbs.pause import pause, resume
from framed.control.verbs.projects import projects
from framed.control.verbs.reload import reload
from framed.control.verbs.retry import retry
from framed.control.verbs.settings import settings
from framed.control.verbs.show import show
from framed.control.verbs.shutdown import shutdown
from framed.control.verbs.status import status
from framed.control.verbs.submit import submit
from framed.control.verbs.subscribe import subscribe
from framed.protocol import verbs, wire
from framed.protocol.messages import Keyed
from framed.protocol.verbs import Verb

Params = TypeVar("Params", bound=msgspec.Struct)
KeyedParams = TypeVar("KeyedParams", bound=Keyed)
Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    reply: msgspec.Struct
    subscription: Subscription | None = None
    """Of which events are sent after the reply; None for a request that is answered once."""


_Handler = Callable[[wire.Request], Awaitable[Answer]]


class VerbRegistry:
    """The verbs that are served, in the order in which they were added."""

    def __init__(self, context: VerbContext) -> None:
        self._context = context
        self._idempotency = Idempotency(context.ledger)
        self._handlers: dict[str, _Handler] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._handlers)

    def add(self, verb: Verb[Params, Reply], handle: Callable[[VerbContext, Params], Awaitable[Reply]]) -> None:
        """A verb that changes no job."""
        assert not verb.is_keyed, verb.name

        async def answer(request: wire.Request) -> Answer:
            return Answer(await handle(self._context, wire.decode_as(verb.params, request.params, request.id)))

        self._handlers[verb.name] = answer

    def add_change(
        self, verb: Verb[KeyedParams, Reply], change: Callable[[VerbContext, KeyedParams, Commit], Awaitable[Reply]]
    ) -> None:
        """A verb that is carried out once for each idempotency key."""

        async def answer(request: wire.Request) -> Answer:
            params = wire.decode_as(verb.params, request.params, request.id)

            def carry_out(commit: Commit) -> Awaitable[Reply]:
                return change(self._context, params, commit)

            reply: Reply = await self._idempotency.carry_out(verb, params.key, carry_out)
            return Answer(reply)

        self._handlers[verb.name] = answer

    def add_stream(
        self,
        verb: Verb[Params, Reply],
        begin: Callable[[VerbContext, Params], Awaitable[tuple[Reply, Subscription]]],
    ) -> None:
        """A verb whose reply is followed by events."""

        async def answer(request: wire.Request) -> Answer:
            params = wire.decode_as(verb.params, request.params, request.id)
            reply, subscription = await begin(self._context, params)
            return Answer(reply, subscription)

        self._handlers[verb.name] = answer

    async def answer(self, request: wire.Request) -> Answer:
        """Raises KeyError for an unknown verb, WireError for params of another type, FramedError."""
        return await self._handlers[request.method](request)


def served_verbs(context: VerbContext) -> VerbRegistry:
    """Every verb of the protocol, each with what it does."""
    served = VerbRegistry(context)
    served.add(verbs.HELLO, hello)
    served.add(verbs.STATUS, status)
    served.add(verbs.PROJECTS, projects)
    served.add(verbs.SETTINGS, settings)
    served.add(verbs.SHOW, show)
    served.add(verbs.LOGS, logs)
    served.add(verbs.ATTACH, attach)
    served.add_stream(verbs.SUBSCRIBE, subscribe)
    served.add_change(verbs.SUBMIT, submit)
    served.add_change(verbs.RETRY, retry)
    served.add_change(verbs.CANCEL, cancel)
    served.add_change(verbs.PAUSE, pause)
    served.add_change(verbs.RESUME, resume)
    served.add_change(verbs.DRAIN, drain)
    served.add_change(verbs.UNDRAIN, undrain)
    served.add(verbs.RELOAD, reload)
    served.add_change(verbs.CLEAN, clean)
    served.add(verbs.SHUTDOWN, shutdown)
    return served
