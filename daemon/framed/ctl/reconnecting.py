"""Asking again and again, through restarts of the daemon: what waiting, watching and following have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from framed.ctl.client import connect
from framed.ctl.output import notice
from framed.errors import DaemonUnreachable
from framed.settings.places import Places

T = TypeVar("T", bound=msgspec.Struct)


class ReconnectingClient:
    """Asks one daemon, a connection each time; one that goes away is waited for, and said so once."""

    def __init__(self, places: Places, report: Callable[[str], None] = notice) -> None:
        self._places = places
        self._report = report
        self._has_connected = False
        self._is_away = False

    def call(self, method: str, params: msgspec.Struct, kind: type[T]) -> T | None:
        """The answer; None while the daemon is away. Raises DaemonUnreachable when it was not there to begin with."""
        try:
            with connect(self._places) as daemon:
                answer = daemon.call(method, params, kind)
        except DaemonUnreachable as unreachable:
            if not self._has_connected:
                raise
            if not self._is_away:
                self._report(f"the daemon is away ({unreachable.why}); waiting for it to come back")
            self._is_away = True
            return None
        if self._is_away:
            self._report("the daemon is back")
        self._has_connected, self._is_away = True, False
        return answer
