"""Checks of one root: owner, settings, budget. Its disks are checked in `disks`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from frame_extractor.contract.cores import usable_cores
from frame_extractor.contract.quantities import size
from framed.errors import SettingsError
from framed.host.memory import read_memory
from framed.model.project import Overrides
from framed.policy.shares import budget
from framed.service.doctor.disks import kind_of
from framed.service.doctor.finding import Finding
from framed.service.notify import desktop
from framed.settings.config import Settings, resolve
from framed.settings.places import Places
from framed.watching.scan import project_names


def owner(places: Places) -> Finding:
    """The root's path. Another user's root is refused before this."""
    return Finding(check="root", level="ok", found=str(places.root))


def projects(places: Places, settings: Settings) -> Iterator[Finding]:
    names: list[str] = []
    wrong = 0
    with contextlib.suppress(OSError):  # reported by `films`
        names = project_names(places.raw_videos)
    for name in names:
        try:
            resolve(settings, places, name, Overrides())
        except SettingsError as problem:
            wrong += 1
            yield Finding(check="settings", level="fail", found=str(problem), remedy="fix the file")
    if not wrong:
        yield Finding(check="settings", level="ok", found=f"valid; projects: {len(names)}")


def budget_of_machine(settings: Settings) -> Finding:
    cores, memory = usable_cores(), read_memory()
    share = budget(cores, memory.total_bytes, settings.budget)
    found = (
        f"{cores} cores, {size(memory.available_bytes)} of {size(memory.total_bytes)} memory available: "
        f"slots {share.slots}, projects at once {share.max_active}"
    )
    if share.slots > cores:
        return Finding(check="budget", level="warn", found=found, remedy="budget.slots: no more than there are cores")
    return Finding(check="budget", level="ok", found=found)


def state_database(places: Places) -> Finding:
    """The path and file system of the state folder."""
    found = f"{places.state} ({kind_of(places.state)})"
    if places.state_is_elsewhere:
        found += ", because the root's file system cannot hold it"
    return Finding(check="state", level="ok", found=found)


def desktop_of(settings: Settings) -> Finding:
    """Whether notifications would be shown in this session; the daemon may run in another."""
    wish, reason = settings.notify.desktop, desktop.why_not(os.environ)
    if wish is False:
        return Finding(check="desktop", level="ok", found="notifications are off (notify.desktop: false)")
    if not reason:
        return Finding(check="desktop", level="ok", found=f"notify-send on {desktop.session_bus(os.environ)}")
    if wish == "auto":
        return Finding(check="desktop", level="ok", found=f"no notifications: {reason}")
    remedy = "sudo apt install libnotify-bin, start framed from a desktop, or set notify.desktop: auto"
    return Finding(check="desktop", level="warn", found=f"no notifications: {reason}", remedy=remedy)
