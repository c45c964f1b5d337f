"""What the verbs work with: the parts of the daemon, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from framed.attempts.dispatch import Dispatcher
from framed.attempts.supervise import Supervisor
from framed.control.bounded_disk import BoundedDisk
from framed.control.feed import Feed
from framed.control.job_status import JobStatus
from framed.control.project_films import ProjectFilms
from framed.control.status_reporter import StatusReporter
from framed.engines import Engine
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.state.ledger import Ledger
from framed.watching.watch import Watcher


@dataclass(frozen=True, kw_only=True)
class VerbContext:
    """The daemon's parts. Any number of requests use them at once."""

    places: Places
    settings: LiveSettings
    ledger: Ledger
    watcher: Watcher
    supervisor: Supervisor
    dispatcher: Dispatcher
    engine: Engine
    films: ProjectFilms
    job_status: JobStatus
    status_reporter: StatusReporter
    disk: BoundedDisk
    feed: Feed
    shut_down: Callable[[], None]
    """Ends the daemon; returns at once."""
