"""`framed doctor`: checks what framed depends on, and says how to fix what is wrong. Changes nothing.

Works without a daemon and with wrong settings. Blocking, but does not wait for disks that do not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from framed.errors import FramedError, SettingsError
from framed.service.doctor.disks import films, outputs
from framed.service.doctor.finding import Finding
from framed.service.doctor.machine import examine_machine
from framed.service.doctor.root import budget_of_machine, desktop_of, owner, projects, state_database
from framed.service.doctor.service import sockets, units
from framed.settings.config import Settings, load_settings
from framed.settings.places import Places

__all__ = ["Finding", "examine", "examine_machine", "examine_root"]


def examine(find: Callable[[], Places]) -> Iterator[Finding]:
    """All checks; an error of the root itself is a finding too."""
    yield from examine_machine()
    try:
        places = find()
    except FramedError as wrong:
        yield Finding(check="root", level="fail", found=str(wrong), remedy="give another root, and run doctor again")
        return
    yield from examine_root(places)


def examine_root(places: Places) -> Iterator[Finding]:
    """The checks of one root."""
    yield owner(places)
    try:
        settings = load_settings(places)
    except SettingsError as wrong:
        yield Finding(check="settings", level="fail", found=str(wrong), remedy="fix the file")
        settings = Settings()
    else:
        yield from projects(places, settings)
    yield budget_of_machine(settings)
    yield from films(places, settings)
    yield state_database(places)
    yield from outputs(places, settings)
    yield desktop_of(settings)
    yield from sockets(places)
    yield from units(places, settings)
