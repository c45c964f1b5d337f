"""Checks of one root's disks: those of its films, and those of its images."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from frame_extractor.contract.quantities import size
from framed.errors import SettingsError, listed
from framed.model.project import Overrides
from framed.policy.disk import floor_bytes
from framed.service.doctor.finding import Finding, Level
from framed.settings.config import Settings, resolve
from framed.settings.places import Mount, Places, mount_of, mounts
from framed.watching.change_notifier import supports_notifications
from framed.watching.scan import project_names

_PROBE_BYTES: Final = 32 * 1024 * 1024
_SLOW_MB_PER_S: Final = 20.0
_FOR_A_FILM_BYTES: Final = 8 * 10**9
_SKEW_S: Final = 2.0
_TIMEOUT_S: Final = 10.0
_OF_WINDOWS: Final = frozenset({"9p", "drvfs"})
_REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or have the quota raised",
    errno.EACCES: "run doctor as the user that runs framed, or give that user the folder",
    errno.EROFS: "mount it writable: mount -o remount,rw",
}


def films(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every disk with projects, and how changes on it are noticed."""
    if not _answers(places.raw_videos):
        yield _unresponsive("films", places.raw_videos)
        return
    try:
        names = project_names(places.raw_videos)
    except OSError as failed:
        found = f"{places.raw_videos} cannot be read: {failed.strerror}"
        yield Finding(check="films", level="fail", found=found, remedy="mount its disk, or change paths.raw_videos")
        return
    table = mounts()
    home = mount_of(places.raw_videos, table)
    projects_on: dict[Mount, list[str]] = {home: []}
    for name in names:
        folder = places.films_dir(name)
        if _answers(folder):
            projects_on.setdefault(mount_of(folder, table), []).append(name)
        else:
            yield _unresponsive("films", folder)
    for mount, there in projects_on.items():
        folder = places.raw_videos if mount == home else places.films_dir(there[0])
        where, names_shown = (folder, str(len(there))) if mount == home else (mount.point, listed(there))
        found = f"{where} ({mount.kind or 'unknown'}), {_noticing(folder, settings)}; projects: {names_shown}"
        yield Finding(check="films", level="ok", found=found)


def _noticing(folder: Path, settings: Settings) -> str:
    every = f"scanned every {settings.watch.scan_interval_s:g} s"
    if settings.watch.force_polling:
        return f"{every} (watch.force_polling)"
    return "change notifications" if supports_notifications(folder) else f"{every}, without change notifications"


def outputs(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every disk of outputs: free space and speed; for the first one the clock as well."""
    table = mounts()
    seen: set[Mount] = set()
    for folder in dict.fromkeys((places.datasets, *_elsewhere(places, settings))):
        if not _answers(folder):
            yield _unresponsive("output", folder)
        elif (mount := mount_of(folder, table)) not in seen:
            seen.add(mount)
            yield from _output(places, folder, settings)


def _elsewhere(places: Places, settings: Settings) -> Iterator[Path]:
    """The output folders from projects' own settings; for one that does not exist yet, its parent folder."""
    try:
        names = project_names(places.raw_videos)
    except OSError:
        return  # reported by `films`
    for name in names:
        with contextlib.suppress(SettingsError):  # reported by `projects`
            folder = resolve(settings, places, name, Overrides()).frames_dir.parent
            yield folder if not _answers(folder) or folder.is_dir() or not folder.parent.is_dir() else folder.parent


def _output(places: Places, folder: Path, settings: Settings) -> Iterator[Finding]:
    """Writes a file there, and deletes it."""
    if not folder.is_dir():
        remedy = "framed start creates it" if folder.parent.is_dir() else "mount its disk, or change paths.datasets"
        level: Level = "warn" if folder.parent.is_dir() else "fail"
        yield Finding(check="output", level=level, found=f"{folder} does not exist", remedy=remedy)
        return
    # A random name: nobody can have created it, for instance as a link to another file.
    probe = folder / f".framed-doctor-{os.urandom(8).hex()}"
    try:
        began_s = time.monotonic()
        with probe.open("xb") as file:
            file.write(os.urandom(1024) * (_PROBE_BYTES // 1024))
            file.flush()
            os.fsync(file.fileno())
        mb_per_s = _PROBE_BYTES / 1e6 / max(time.monotonic() - began_s, 1e-6)
        probe.touch()
        skew_s = probe.stat().st_mtime - time.time()
        room = shutil.disk_usage(folder)
    except OSError as failed:
        remedy = _REMEDIES.get(failed.errno or 0, "check how it is mounted")
        yield Finding(
            check="output", level="fail", found=f"{folder} cannot be written: {failed.strerror}", remedy=remedy
        )
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    found = f"{folder} ({kind_of(folder)}), {size(room.free)} free, writes {mb_per_s:.0f} MB/s"
    floor = floor_bytes(room.total, settings.budget.disk_floor_gb)
    if room.free < floor:
        remedy = f"free some space: nothing is extracted below {size(floor)} (budget.disk_floor_gb)"
        yield Finding(check="output", level="fail", found=found, remedy=remedy)
    elif room.free < floor + _FOR_A_FILM_BYTES:
        yield Finding(
            check="output", level="warn", found=found, remedy="free some space: a film of 90 minutes takes some GB"
        )
    elif mb_per_s < _SLOW_MB_PER_S or kind_of(folder) in _OF_WINDOWS:
        yield Finding(check="output", level="warn", found=found, remedy="write images to a local disk: paths.datasets")
    else:
        yield Finding(check="output", level="ok", found=found)
    if folder == places.datasets:
        yield _clock(skew_s)


def _clock(skew_s: float) -> Finding:
    clock = f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; the clock of the output's disk differs by {abs(skew_s):.1f} s"
    if abs(skew_s) > _SKEW_S:
        return Finding(
            check="clock", level="warn", found=clock, remedy="synchronize both with NTP: timedatectl set-ntp true"
        )
    return Finding(check="clock", level="ok", found=clock)


def _answers(folder: Path) -> bool:
    """Whether its disk answers, even if the folder does not exist."""

    def ask() -> None:
        with contextlib.suppress(OSError):
            os.stat(folder)

    # In a daemon thread: a system call on a dead network disk may never return.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_TIMEOUT_S)
    return not asking.is_alive()


def _unresponsive(check: str, folder: Path) -> Finding:
    found = f"{folder} has not answered for {_TIMEOUT_S:g} s"
    return Finding(check=check, level="fail", found=found, remedy="check its server and the network, or unmount it")


def kind_of(folder: Path) -> str:
    """The type of its file system."""
    return mount_of(folder, mounts()).kind or "unknown"
