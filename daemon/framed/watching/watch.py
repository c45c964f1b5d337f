"""Looks for films for as long as the daemon lives, and tells whoever listens what the catalog says.

The scan at its interval is the truth; notifications only wake it early. Submits nothing: see `intake`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable
from typing import Final

import anyio
import anyio.abc

from framed.bell import Bell
from framed.faults import Faults
from framed.log import fields
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread
from framed.watching.catalog import Catalog, CatalogKeeper
from framed.watching.hint import Hint, notifies

_log: Final = logging.getLogger(__name__)

_LEAST_GAP_S: Final = 0.5
"""Between two scans: a file that is being written notifies all the time."""


class Watcher:
    """`catalog` is what the last look saw."""

    def __init__(self, places: Places, settings: LiveSettings, ledger: Ledger) -> None:
        self.catalog = Catalog()
        self.has_looked = anyio.Event()
        self.looking_since_s: float | None = None
        """Monotonic; None between two looks."""
        self.looked_at_s = time.monotonic()
        """Monotonic; when the last look was through."""
        self.look_took_s = 0.0
        """The last look, from beginning to end."""
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._keeper = CatalogKeeper(places, settings, ledger.remembered_films())
        self._bell = Bell()
        self._listeners: list[Callable[[], None]] = []
        self._looking = Faults("look for films")
        self._pointing = Faults("ask for notifications")

    def look_now(self) -> None:
        """The next look comes at once."""
        self._bell.ring()

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called after every look. It must be quick and must not raise."""
        self._listeners.append(listener)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Looks again and again."""
        task_status.started()
        hint = Hint(functools.partial(_ring_from_thread, asyncio.get_running_loop(), self._bell))
        try:
            while True:
                started_s = time.monotonic()
                self.looking_since_s = started_s
                catalog = await in_own_thread(self._look, started_s)
                self.looking_since_s, self.looked_at_s = None, time.monotonic()
                self.look_took_s = self.looked_at_s - started_s
                if catalog.problem and catalog.problem != self.catalog.problem:
                    _log.warning("films cannot be looked for", extra=fields(why=catalog.problem))
                if catalog.left_out and catalog.left_out != self.catalog.left_out:
                    why = "its name is not UTF-8"
                    _log.warning("folder is left out", extra=fields(folders=", ".join(catalog.left_out), why=why))
                self.catalog = catalog
                await self._remember()
                for listener in self._listeners:
                    listener()
                self.has_looked.set()
                await in_own_thread(self._point, hint, catalog)
                if not catalog.is_partial:
                    interval_s = self._settings.now.watch.scan_interval_s
                    gap_s = min(_LEAST_GAP_S, interval_s)
                    await anyio.sleep(max(0.0, gap_s - (time.monotonic() - started_s)))
                    await self._bell.wait(max(0.0, interval_s - (time.monotonic() - started_s)))
        finally:
            hint.stop()

    def _look(self, now_s: float) -> Catalog:
        try:
            catalog = self._keeper.look(now_s)
        except Exception as fault:  # noqa: BLE001 -- logged; the next look may succeed, and what runs goes on
            return Catalog(self.catalog.projects, self._looking.words("", fault), now_s)
        self._looking.over("")
        return catalog

    async def _remember(self) -> None:
        settled = self._keeper.take_newly_settled()
        if settled:
            try:
                await self._ledger.remember_films(settled)
            except StoreUnavailable as unavailable:
                _log.warning("settled films are not remembered", extra=fields(why=unavailable.why))

    def _point(self, hint: Hint, catalog: Catalog) -> None:
        try:
            self._watch(hint, catalog)
        except Exception as fault:  # noqa: BLE001 -- logged; it is only a hint
            self._pointing.words("", fault)

    def _watch(self, hint: Hint, catalog: Catalog) -> None:
        if catalog.problem or self._settings.now.watch.force_polling or not notifies(self._places.raw_videos):
            hint.watch(frozenset())
        else:
            raw_videos = self._places.raw_videos
            hint.watch(frozenset(str(folder) for folder in (raw_videos, *(raw_videos / p for p in catalog.projects))))


def _ring_from_thread(loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
    with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
        loop.call_soon_threadsafe(bell.ring)
