"""Reads one project from the disk: films, settings file, output. Blocking, and it may hang."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, replace

from framed.model.reasons import FolderUnreadable
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.watching.listing import Listing, is_unchanged, list_films
from framed.watching.outputs import ProjectOutput


@dataclass(frozen=True)
class ProjectReading:
    """The result of one reading."""

    listing: Listing | None
    """None when it could not be read."""
    error: FolderUnreadable | None = None
    """Why the films cannot be read."""
    fault: Exception | None = None
    """An unexpected failure of framed itself."""
    is_project: bool = True
    """False for a link that does not lead to a folder."""
    asked_at_s: float = 0.0
    """Monotonic; when the output was read. Everything here about the output is at least as new."""
    was_read: bool = True
    """False for a quick reading of an unchanged folder."""


class ProjectDisk:
    """Only one reading at a time. Its attributes may be read while a reading hangs."""

    def __init__(self, places: Places, settings: LiveSettings, project: str) -> None:
        self.output = ProjectOutput(places, settings, project)
        self._folder = str(places.films_dir(project))
        self._settings = settings
        self._is_in_output = False

    @property
    def last_path(self) -> str:
        """The path accessed last."""
        return self.output.last_path if self._is_in_output else self._folder

    def read(self, before: Listing, *, quick: bool) -> ProjectReading:
        """Never raises. `quick`: when no film was added or removed, nothing else is read."""
        try:
            if quick and is_unchanged(before, subfolders=self._subfolders):
                return ProjectReading(before, was_read=False)
        except OSError:
            pass  # reported by what follows
        self._is_in_output = True
        asked_at_s = time.monotonic()
        try:
            self.output.refresh()
        except Exception as fault:  # noqa: BLE001 -- reported by the catalog builder
            return ProjectReading(self._list(before).listing, fault=fault)
        finally:
            self._is_in_output = False
        return replace(self._list(before), asked_at_s=asked_at_s)

    @property
    def _subfolders(self) -> bool:
        own = self.output.subfolders
        return self._settings.now.watch.subfolders if own is None else own

    def _list(self, before: Listing) -> ProjectReading:
        try:
            return ProjectReading(list_films(self._folder, before, subfolders=self._subfolders))
        except OSError as failed:
            is_gone = failed.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR) and os.path.islink(self._folder)
            unreadable = FolderUnreadable(folder=self._folder, error=failed.strerror or str(failed))
            return ProjectReading(None, unreadable, is_project=not is_gone)
        except Exception as fault:  # noqa: BLE001 -- as above
            return ProjectReading(None, fault=fault)
