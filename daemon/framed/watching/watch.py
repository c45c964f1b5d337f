"""Scans for films while the daemon runs, and notifies listeners when the catalog changes.

The periodic scan decides; change notifications only start it early. Submits nothing: see `auto_submit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

import anyio
import anyio.abc

from framed.fault_log import FaultLog
from framed.log import fields
from framed.patience import NoAnswer, Patience
from framed.reason_text import reason_text
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places, mounts
from framed.state.ledger import Ledger
from framed.state.store import StoreUnavailable
from framed.threads import in_own_thread
from framed.wakeup import Wakeup
from framed.watching.catalog import Catalog
from framed.watching.catalog_builder import CatalogBuilder
from framed.watching.change_notifier import ChangeNotifier, notifying_folders

_log: Final = logging.getLogger(__name__)

_MIN_GAP_S: Final = 0.5
"""Between two scans: a file that is being written notifies all the time."""
_MAX_SCAN_SHARE: Final = 0.05
"""Of the time, for scans that notifications start, where a scan takes long."""

_MIN_PUBLISH_GAP_S: Final = 1.0
"""While a backlog is read: listeners process the complete catalog each time."""

_MOUNTS_TIMEOUT_S: Final = 2.0
"""For finding out which disks support notifications; without an answer films are found by scanning."""


class Watcher:
    """`catalog` is the result of the last scan."""

    def __init__(self, places: Places, settings: LiveSettings, ledger: Ledger) -> None:
        self.catalog = Catalog()
        self.has_scanned = anyio.Event()
        self.scanning_since_s: float | None = None
        """Monotonic; None while no scan runs."""
        self.scanned_at_s = time.monotonic()
        """Monotonic; when the last scan ended."""
        self.scan_took_s = 0.0
        """Duration of the last scan."""
        self._places = places
        self._settings = settings
        self._ledger = ledger
        self._builder = CatalogBuilder(places, settings, ledger.remembered_films())
        self._wakeup = Wakeup()
        self._is_requested, self._is_notified = True, False
        self._notifier = ChangeNotifier(self._notified_in_thread)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: tuple[str, tuple[str, ...]] | None = None
        """The mount table and the folders that the notifier was given last."""
        self._listeners: list[Callable[[], None]] = []
        self._published, self._published_at_s = self.catalog, time.monotonic()
        self._scan_faults = FaultLog("scan for films")
        self._mounts_patience = Patience[str](_MOUNTS_TIMEOUT_S)
        self._notifier_faults = FaultLog("watch for changes")

    @property
    def notifier_problem(self) -> str | None:
        """Which limit keeps change notifications from working, and how to raise it; None when none does."""
        return self._notifier.problem

    def scan_now(self) -> None:
        """The next scan starts at once, and listeners are called even if it finds nothing new."""
        self._is_requested = True
        self._wakeup.set()

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called when a scan found something new, and after each requested scan.

        It must be quick and must not raise.
        """
        self._listeners.append(listener)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Scans at the interval, until cancelled."""
        task_status.started()
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                began_s = time.monotonic()
                is_requested, self._is_requested, self._is_notified = self._is_requested, False, False
                catalog = await self._read_disk(
                    functools.partial(self._builder.scan, began_s, in_full=is_requested), began_s
                )
                self.scan_took_s = self.scanned_at_s - began_s
                if await self._publish(catalog, is_requested=is_requested):
                    await in_own_thread(self._update_notifier, catalog)
                while (wait_s := self._due_s(began_s) - time.monotonic()) > 0:
                    if self.catalog.is_partial:
                        await self._publish(await self._read_disk(self._builder.read_more, began_s))
                    else:
                        await self._wakeup.wait(wait_s)
        finally:
            self._notifier.stop()

    def _due_s(self, began_s: float) -> float:
        """When the next scan is due, after one that began then."""
        wait_s = self._settings.now.watch.scan_interval_s
        if self._is_notified:
            wait_s = min(wait_s, max(_MIN_GAP_S, self.scan_took_s / _MAX_SCAN_SHARE))
        if self._is_requested:
            wait_s = min(wait_s, _MIN_GAP_S)
        return began_s + wait_s

    def _notified_in_thread(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
                self._loop.call_soon_threadsafe(self._on_notification)

    def _on_notification(self) -> None:
        self._is_notified = True
        self._wakeup.set()

    async def _read_disk(self, read: Callable[[], Catalog], now_s: float) -> Catalog:
        self.scanning_since_s = time.monotonic()
        catalog = await in_own_thread(self._contained, read, now_s)
        self.scanning_since_s, self.scanned_at_s = None, time.monotonic()
        return catalog

    def _contained(self, read: Callable[[], Catalog], now_s: float) -> Catalog:
        try:
            catalog = read()
        except Exception as fault:  # noqa: BLE001 -- logged; the next scan may succeed, and running jobs continue
            problem = self._scan_faults.record("", fault)
            return Catalog(self.catalog.projects, problem, now_s, asked_at_s=self.catalog.asked_at_s)
        self._scan_faults.clear("")
        return catalog

    async def _publish(self, catalog: Catalog, *, is_requested: bool = False) -> bool:
        """The catalog is that one from now on; returns whether listeners were called."""
        before, self.catalog = self.catalog, catalog
        if catalog.problem is not None and catalog.problem != before.problem:
            _log.warning("raw_videos cannot be scanned", extra=fields(why=reason_text(catalog.problem)))
        if catalog.left_out and catalog.left_out != before.left_out:
            why = "its name is not UTF-8"
            _log.warning("folder is skipped", extra=fields(folders=", ".join(catalog.left_out), why=why))
        await self._remember()
        is_due = not catalog.is_partial or time.monotonic() - self._published_at_s >= _MIN_PUBLISH_GAP_S
        is_news = is_requested or (is_due and not catalog.says_the_same_as(self._published))
        if is_news:
            self._published, self._published_at_s = catalog, time.monotonic()
            for listener in self._listeners:
                listener()
        self.has_scanned.set()
        return is_news

    async def _remember(self) -> None:
        settled = self._builder.take_newly_settled()
        if settled:
            try:
                await self._ledger.remember_films(settled)
            except StoreUnavailable as unavailable:
                _log.warning("settled films are not remembered", extra=fields(why=unavailable.why))

    def _update_notifier(self, catalog: Catalog) -> None:
        try:
            self._mounts_patience.call("", lambda: self._watch(catalog))
        except NoAnswer:
            return  # the scan reports it too, and this is tried again after the next one
        except Exception as fault:  # noqa: BLE001 -- logged; scans find the films without notifications
            self._notifier_faults.record("", fault)

    def _watch(self, catalog: Catalog) -> None:
        """The folders whose file systems support notifications are watched."""
        is_wanted = not catalog.problem and not self._settings.now.watch.force_polling
        about = (mounts(), tuple(self._folders(catalog))) if is_wanted else None
        if about == self._watched:
            return
        folders: frozenset[str] = frozenset()
        if about is not None:
            table, wanted = about
            folders = notifying_folders(wanted, table)
        self._notifier.watch(folders)
        self._watched = about

    def _folders(self, catalog: Catalog) -> Iterator[str]:
        """The folders that may contain films."""
        raw_videos = str(self._places.raw_videos)
        yield raw_videos
        for name, project in catalog.projects.items():
            if project.is_unresponsive:
                continue
            yield os.path.join(raw_videos, name)
            yield from project.subfolders
