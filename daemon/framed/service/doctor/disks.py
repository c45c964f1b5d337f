"""The disks of one root: where its films lie, and where its images go."""

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
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room, or have the quota raised",
    errno.EACCES: "ask as the user that runs framed, or give it the folder",
    errno.EROFS: "mount it to be written: mount -o remount,rw",
}


def films(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every disk that projects lie on, and how changes there are noticed."""
    if not _answers(places.raw_videos):
        yield _unresponsive("films", places.raw_videos)
        return
    try:
        names = project_names(places.raw_videos)
    except OSError as failed:
        found = f"{places.raw_videos} cannot be read: {failed.strerror}"
        yield Finding(check="films", level="fail", found=found, remedy="mount its disk, or see paths.raw_videos")
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
    every = f"looked at every {settings.watch.scan_interval_s:g} s"
    if settings.watch.force_polling:
        return f"{every} (watch.force_polling)"
    return "told of changes" if supports_notifications(folder) else f"{every}, for it tells nobody of changes"


def outputs(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every disk that images go to: room and speed; of the first the clock as well."""
    table = mounts()
    seen: set[Mount] = set()
    for folder in dict.fromkeys((places.datasets, *_elsewhere(places, settings))):
        if not _answers(folder):
            yield _unresponsive("output", folder)
        elif (mount := mount_of(folder, table)) not in seen:
            seen.add(mount)
            yield from _output(places, folder, settings)


def _elsewhere(places: Places, settings: Settings) -> Iterator[Path]:
    """The folders that projects' own files send their images to; of one that is still to be made, where it will be."""
    try:
        names = project_names(places.raw_videos)
    except OSError:
        return  # told by `films`
    for name in names:
        with contextlib.suppress(SettingsError):  # told by `projects`
            folder = resolve(settings, places, name, Overrides()).frames_dir.parent
            yield folder if not _answers(folder) or folder.is_dir() or not folder.parent.is_dir() else folder.parent


def _output(places: Places, folder: Path, settings: Settings) -> Iterator[Finding]:
    """Writes a file there, and takes it away."""
    if not folder.is_dir():
        remedy = "framed start makes it" if folder.parent.is_dir() else "mount its disk, or see paths.datasets"
        level: Level = "warn" if folder.parent.is_dir() else "fail"
        yield Finding(check="output", level=level, found=f"{folder} is not there", remedy=remedy)
        return
    # A name that nobody has put there before, be it as a link to something else.
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
        remedy = _REMEDIES.get(failed.errno or 0, "see its mount")
        yield Finding(
            check="output", level="fail", found=f"{folder} cannot be written: {failed.strerror}", remedy=remedy
        )
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    found = f"{folder} ({kind_of(folder)}), {in_gb(room.free)} GB free, writes {mb_per_s:.0f} MB/s"
    floor = floor_bytes(room.total, settings.budget.disk_floor_gb)
    if room.free < floor:
        remedy = f"make room: nothing is extracted below {in_gb(floor)} GB (budget.disk_floor_gb)"
        yield Finding(check="output", level="fail", found=found, remedy=remedy)
    elif room.free < floor + _FOR_A_FILM_BYTES:
        yield Finding(check="output", level="warn", found=found, remedy="make room: a film of 90 minutes takes some GB")
    elif mb_per_s < _SLOW_MB_PER_S or kind_of(folder) in _OF_WINDOWS:
        yield Finding(check="output", level="warn", found=found, remedy="write images to a local disk: paths.datasets")
    else:
        yield Finding(check="output", level="ok", found=found)
    if folder == places.datasets:
        yield _clock(skew_s)


def _clock(skew_s: float) -> Finding:
    clock = f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; that of the output's disk differs by {abs(skew_s):.1f} s"
    if abs(skew_s) > _SKEW_S:
        return Finding(check="clock", level="warn", found=clock, remedy="set both by NTP: timedatectl set-ntp true")
    return Finding(check="clock", level="ok", found=clock)


def _answers(folder: Path) -> bool:
    """Whether its disk says anything at all, if only that the folder is not there."""

    def ask() -> None:
        with contextlib.suppress(OSError):
            os.stat(folder)

    # A thread that may be left behind: a dead network disk answers nobody, and lets nobody go.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_TIMEOUT_S)
    return not asking.is_alive()


def _unresponsive(check: str, folder: Path) -> Finding:
    found = f"{folder} has not answered for {_TIMEOUT_S:g} s"
    return Finding(check=check, level="fail", found=found, remedy="see its server and the network, or unmount it")


def kind_of(folder: Path) -> str:
    """The type of its file system."""
    return mount_of(folder, mounts()).kind or "unknown"


def in_gb(n_bytes: int) -> str:
    """As people read it."""
    return f"{n_bytes / 1e9:.1f}"
