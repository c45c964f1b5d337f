"""Blocking calls in threads that may be left behind.

anyio's own worker threads keep the process alive until they have ended; one that hangs on a dead network disk or on a
stopped tmux would delay `framed stop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def in_own_thread(
    call: Callable[[*Arguments], T],
    *arguments: *Arguments,
    finished: Callable[[], None] | None = None,
) -> T:
    """What `call` returns or raises, given the arguments.

    When the wait is cancelled it ends at once, and the thread in its own time.

    `finished` is called in the event loop when the thread is through, whether anybody still waits or not.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        if finished is not None:
            finished()
        if not answer.done():
            settle()

    def run() -> None:
        try:
            result = call(*arguments)
        except Exception as failed:  # noqa: BLE001 -- raised again where the answer is awaited
            settle = functools.partial(answer.set_exception, failed)
        else:
            settle = functools.partial(answer.set_result, result)
        with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
            loop.call_soon_threadsafe(deliver, settle)

    threading.Thread(target=run, name="blocking call", daemon=True).start()
    return await answer
