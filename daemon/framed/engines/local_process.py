"""An extractor that is a process of this machine: whether it lives and is an extractor, and how it is ended.

For engines that start their extractors here. It is known by its pid, start time and boot, see `host.liveness`.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

import anyio

from frame_extractor.contract.process import ProcessIdentity, is_alive
from framed.host.liveness import command_line, is_locked, kill_tree, terminate, until_gone
from framed.log import fields
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

GRACE_S: Final = 5.0
"""Between asking an extractor to end and killing it."""
_LOCK_PATIENCE_S: Final = 2.0


def works_on(process: ProcessIdentity, spec: Path) -> bool:
    """Whether the process lives and was started with this specification. Blocking, but short."""
    return is_alive(process) and str(spec) in command_line(process)


def is_held(lock: Path) -> bool:
    """Whether an extractor holds its folder's lock; one that has just begun is given a moment to take it. Blocking."""
    until_s = time.monotonic() + _LOCK_PATIENCE_S
    while not is_locked(lock):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


async def end(process: ProcessIdentity) -> None:
    """The process was asked to end, and is dead after the grace time at the latest."""
    await in_own_thread(terminate, process)
    await await_end(process)


async def await_end(process: ProcessIdentity) -> None:
    """The process, which is about to end, is dead; if need be it is killed after the grace time."""
    with anyio.move_on_after(GRACE_S):
        await until_gone(process)
        return
    _log.warning("extractor killed", extra=fields(pid=process.pid))
    await in_own_thread(kill_tree, process)
