"""The monitor's data: events, also across restarts of the daemon, and details of one project. Blocking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from framed.ctl.client import connect
from framed.ctl.monitor.panels import Details
from framed.errors import FramedError
from framed.protocol.messages import ProjectStatus
from framed.protocol.queries import Logs, LogsReply, Show, ShowReply
from framed.protocol.subscription import Event, Subscribe, SubscribeReply
from framed.settings.places import Places

_PAUSE_S: Final = 0.5
"""Between two attempts to reach the daemon."""
_LOG_LINES: Final = 100


def events(places: Places, projects: tuple[str, ...]) -> Iterator[Event | FramedError]:
    """Events; an error whenever the daemon is unreachable. After a reconnect it continues after the last event."""
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


def details(places: Places, project: ProjectStatus) -> Details:
    """What the events do not contain. Raises FramedError."""
    with connect(places) as daemon:
        shown = daemon.call("show", Show(project=project.name), ShowReply)
        if project.log is None:
            return Details(shown=shown, log=())
        log = daemon.call("logs", Logs(project=project.name, lines=_LOG_LINES), LogsReply)
    return Details(shown=shown, log=log.content.decode(errors="backslashreplace").expandtabs().splitlines())
