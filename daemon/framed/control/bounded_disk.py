"""Reads the films' disk for a client, in bounded time: it may be slow, missing, or not respond."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar, TypeVarTuple, Unpack

import anyio

from framed.control.project_films import ProjectFilms
from framed.errors import Refused
from framed.settings.places import Places
from framed.threads import in_own_thread
from framed.watching.scan import folder_of
from framed.watching.watch import Watcher

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

PATIENCE_S: Final = 15.0
"""How long an answer waits for the disk; clients wait 30 s for theirs."""


class BoundedDisk:
    """Raises Refused when the disk does not answer."""

    def __init__(self, places: Places, watcher: Watcher, films: ProjectFilms) -> None:
        self._places = places
        self._watcher = watcher
        self._films = films
        self._scanned = anyio.Event()
        watcher.listen(self._on_scan)

    async def known(self, projects: Iterable[str]) -> tuple[str, ...]:
        """The projects, each once. Raises as `folder_of` for one that is unknown and has no folder."""
        names = tuple(dict.fromkeys(projects))
        known = self._films.names()
        for name in names:
            if name not in known:
                await self.run(folder_of, name, self._places.raw_videos, lambda: known)
        return names

    async def run(self, call: Callable[[Unpack[Arguments]], T], *arguments: *Arguments) -> T:
        """What `call`, which blocks, finds on the disk."""
        try:
            with anyio.fail_after(PATIENCE_S):
                return await in_own_thread(call, *arguments)
        except TimeoutError:
            raise self._silent() from None

    async def scan(self) -> None:
        """The catalog is that of a scan which began after this was called."""
        asked_at_s = time.monotonic()
        self._watcher.scan_now()
        try:
            with anyio.fail_after(PATIENCE_S):
                while self._watcher.catalog.scanned_at_s < asked_at_s:
                    await self._scanned.wait()
        except TimeoutError:
            raise self._silent() from None

    def _on_scan(self) -> None:
        self._scanned.set()
        self._scanned = anyio.Event()

    def _silent(self) -> Refused:
        return Refused(f"{self._places.raw_videos} does not answer; is its disk there?")
