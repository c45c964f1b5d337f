"""`subscribe`: the state of projects, again whenever it changes."""

from __future__ import annotations

from framed.control.feed import Subscription
from framed.control.verbs.context import VerbContext
from framed.protocol.subscription import Subscribe, SubscribeReply


async def subscribe(context: VerbContext, params: Subscribe) -> tuple[SubscribeReply, Subscription]:
    """Raises NoSuchProject."""
    return await context.feed.subscribe(params)
