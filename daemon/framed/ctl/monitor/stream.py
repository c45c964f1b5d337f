"""Events for as long as anybody wants them, through restarts of the daemon. Blocking; for a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from framed.control.subscription import Event, Subscribe, SubscribeReply
from framed.ctl.client import connect
from framed.errors import FramedError
from framed.settings.places import Places

_PAUSE_S: Final = 0.5
"""Between two attempts to reach the daemon."""


def events(places: Places, projects: tuple[str, ...]) -> Iterator[Event | FramedError]:
    """What is told; why nothing is, each time the daemon is away. Goes on where it was when it is back."""
    instance, seq = "", None
    while True:
        try:
            with connect(places) as daemon:
                request = Subscribe(projects=projects, instance=instance, since=seq)
                instance = daemon.call("subscribe", request, SubscribeReply).instance
                while True:
                    event = daemon.event(Event)
                    seq = event.seq
                    yield event
        except FramedError as away:
            yield away
        time.sleep(_PAUSE_S)
