"""A client that survives restarts of the daemon: for `wait`, `status --watch` and `logs --follow`."""

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
    """Opens a connection for each call. When the daemon goes away, this is reported once."""

    def __init__(self, places: Places, report: Callable[[str], None] = notice) -> None:
        self._places = places
        self._report = report
        self._has_connected = False
        self._is_away = False

    def call(self, method: str, params: msgspec.Struct, kind: type[T]) -> T | None:
        """The answer; None while the daemon is unreachable. Raises DaemonUnreachable if it never was reachable."""
        try:
            with connect(self._places) as daemon:
                answer = daemon.call(method, params, kind)
        except DaemonUnreachable as unreachable:
            if not self._has_connected:
                raise
            if not self._is_away:
                self._report(f"the daemon is unreachable ({unreachable.why}); waiting until it is back")
            self._is_away = True
            return None
        if self._is_away:
            self._report("the daemon is back")
        self._has_connected, self._is_away = True, False
        return answer
