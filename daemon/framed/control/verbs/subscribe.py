"""`subscribe`: sends the state of projects, now and after every change."""

from __future__ import annotations

from framed.control.feed import Subscription
from framed.control.verbs.context import VerbContext
from framed.protocol.subscription import Subscribe, SubscribeReply


async def subscribe(context: VerbContext, params: Subscribe) -> tuple[SubscribeReply, Subscription]:
    """Raises NoSuchProject."""
    return await context.feed.subscribe(params)
