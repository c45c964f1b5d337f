"""`framed start --recover`: makes a new state database from the output folders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import anyio.to_thread

from framed.attempts.recover import recover
from framed.engines import Engine, EngineRefused, EngineUnresponsive
from framed.log import fields
from framed.settings.config import Settings
from framed.settings.places import Places
from framed.state.store import make_store, move_away

_log: Final = logging.getLogger(__name__)


async def recover_state(places: Places, settings: Settings, engine: Engine, report: Callable[[str], None]) -> None:
    """Replaces the state database by a recovered one, and keeps the previous one. `report` is called with lines on it.

    Raises Refused, when nothing was changed, and StoreUnavailable.
    """
    try:
        host = await engine.prepare()
    except (EngineRefused, EngineUnresponsive):
        host = None

    def renew() -> list[str]:
        found = recover(places, settings, session_name=engine.session_name, host=host)
        aside = move_away(places.store)
        make_store(places.store, found.jobs, found.verdicts)
        kept = [f"the previous state database is kept as {aside}"] if aside is not None else []
        return [*kept, *found.lines]

    for line in await anyio.to_thread.run_sync(renew):
        report(line)
    _log.warning("state recovered", extra=fields(store=places.store))
