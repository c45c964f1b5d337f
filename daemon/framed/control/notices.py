"""Notices: lines of `status` that concern more than one project. Touches no disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from frame_extractor.contract.quantities import count
from framed.errors import listed
from framed.model.film_names import MOST_ENTRIES
from framed.reason_text import reason_text
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Ledger
from framed.watching.watch import Watcher

_NOTICES_OF_NAMES: Final = 3
_LARGE_BACKLOG: Final = 20
"""From this number of unread films on, a notice shows how many are read."""


def notices(watcher: Watcher, settings: LiveSettings, ledger: Ledger) -> Iterator[str]:
    """A line each."""
    if watcher.has_scanned.is_set() and (reason := watcher.catalog.problem):
        yield f"{reason_text(reason)}; until it is back no job is started, and what is known of the projects is kept"
    backlog = watcher.catalog.backlog
    if backlog is not None and backlog.n_films >= _LARGE_BACKLOG:
        yield f"reading the films in raw_videos: {backlog.n_read} of {backlog.n_films}; then they are queued"
    if problem := watcher.notifier_problem:
        yield f"films are found by scans only, some seconds later: {problem}"
    if loose := watcher.catalog.loose_films:
        yield (
            f"{count(len(loose), 'film')} in raw_videos itself {'are' if len(loose) != 1 else 'is'} "
            f"skipped ({listed(loose)}); put each into the folder of a project"
        )
    if watcher.catalog.is_cut_off:
        yield f"raw_videos holds more than {MOST_ENTRIES:,} folders and files; the others are not read"
    for name in watcher.catalog.left_out[:_NOTICES_OF_NAMES]:
        yield f"a folder in raw_videos is skipped: its name {name} is not UTF-8; rename it"
    if problem := settings.problem:
        yield f"{problem}; until it is fixed, the previous settings are in use"
    if warning := settings.now.warning:
        yield warning
    if keys := settings.need_restart:
        yield f"changed in framed.yaml, effective after a restart of framed: {', '.join(keys)}"
    if ledger.is_draining:
        yield "draining: running jobs are finished and no others are started; to start them: framectl undrain"
    if problem := ledger.problem:
        yield f"{problem}; until it can be written no job is queued, and jobs that have ended are shown as running"
