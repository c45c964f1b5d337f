"""What belongs to one root: its settings, its share of the machine, and the disks it uses."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from frame_extractor.cores import usable_cores
from framed.errors import SettingsError, listed
from framed.host.memory import read_memory
from framed.model.project import Overrides
from framed.policy.shares import budget
from framed.service.doctor.finding import Finding, Level
from framed.service.notify import desktop
from framed.settings.config import Settings, resolve
from framed.settings.places import Mount, Places, mount_of, mounts
from framed.watching.hint import notifies
from framed.watching.scan import project_names

_PROBE_BYTES: Final = 32 * 1024 * 1024
_SLOW_MB_PER_S: Final = 20.0
_LITTLE_BYTES: Final = 10 * 10**9
_TOO_LITTLE_BYTES: Final = 10**9
_SKEW_S: Final = 2.0
_ANSWER_S: Final = 10.0
_REMEDIES: Final = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room, or have the quota raised",
    errno.EACCES: "ask as the user that runs framed, or give it the folder",
    errno.EROFS: "mount it to be written: mount -o remount,rw",
}
_OF_WINDOWS: Final = frozenset({"9p", "drvfs"})


def whose(places: Places) -> Finding:
    """The folder, and whether whoever asks may do what framed's user may not."""
    owner = places.root.stat().st_uid
    found = str(places.root)
    if os.geteuid() == 0 and owner != 0:
        found += f", of {_name(owner)}: ask as that user too, for root may do more"
    return Finding(check="root", level="ok", found=found)


def projects(places: Places, settings: Settings) -> Iterator[Finding]:
    names: list[str] = []
    wrong = 0
    with contextlib.suppress(OSError):  # told by `films`
        names = project_names(places.raw_videos)
    for name in names:
        try:
            resolve(settings, places, name, Overrides())
        except SettingsError as problem:
            wrong += 1
            yield Finding(check="settings", level="fail", found=str(problem), remedy="mend the file")
    if not wrong:
        yield Finding(check="settings", level="ok", found=f"understood; projects: {len(names)}")


def budget_of_machine(settings: Settings) -> Finding:
    cores, memory = usable_cores(), read_memory()
    share = budget(cores, memory.total_bytes, settings.budget)
    found = (
        f"{cores} cores, {_gb(memory.available_bytes)} of {_gb(memory.total_bytes)} GB memory available: "
        f"slots {share.slots}, projects at once {share.max_active}"
    )
    if share.slots > cores:
        return Finding(check="budget", level="warn", found=found, remedy="budget.slots: no more than there are cores")
    return Finding(check="budget", level="ok", found=found)


def films(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every disk that projects lie on, and how changes there are noticed."""
    if not _answers(places.raw_videos):
        yield _silent("films", places.raw_videos)
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
        projects_on.setdefault(mount_of(places.films_dir(name), table), []).append(name)
    for mount, there in projects_on.items():
        folder = places.raw_videos if mount == home else places.films_dir(there[0])
        if not _answers(folder):
            yield _silent("films", folder)
            continue
        where, names_shown = (folder, str(len(there))) if mount == home else (mount.point, listed(there))
        found = f"{where} ({mount.kind or 'unknown'}), {_how(folder, settings)}; projects: {names_shown}"
        yield Finding(check="films", level="ok", found=found)


def _how(folder: Path, settings: Settings) -> str:
    every = f"looked at every {settings.watch.scan_interval_s:g} s"
    if settings.watch.force_polling:
        return f"{every} (watch.force_polling)"
    return "told of changes" if notifies(folder) else f"{every}, for it tells nobody of changes"


def state(places: Places) -> Finding:
    """Where it is kept."""
    found = f"{places.state} ({_kind(places.state)})"
    if places.state_is_elsewhere:
        found += ", because the root's file system cannot hold it"
    return Finding(check="state", level="ok", found=found)


def output(places: Places) -> Iterator[Finding]:
    """Room, speed and clock of the disk that images go to. Writes a file there, and takes it away."""
    folder = places.datasets
    if not _answers(folder):
        yield _silent("output", folder)
        return
    if not folder.is_dir():
        remedy = "framed start makes it" if folder.parent.is_dir() else "mount its disk, or see paths.datasets"
        level: Level = "warn" if folder.parent.is_dir() else "fail"
        yield Finding(check="output", level=level, found=f"{folder} is not there", remedy=remedy)
        return
    probe = folder / f".framed-doctor-{os.getpid()}"
    try:
        began_s = time.monotonic()
        with probe.open("wb") as file:
            file.write(os.urandom(1024) * (_PROBE_BYTES // 1024))
            file.flush()
            os.fsync(file.fileno())
        mb_per_s = _PROBE_BYTES / 1e6 / max(time.monotonic() - began_s, 1e-6)
        probe.touch()
        skew_s = probe.stat().st_mtime - time.time()
        free_bytes = shutil.disk_usage(folder).free
    except OSError as failed:
        remedy = _REMEDIES.get(failed.errno or 0, "see its mount")
        yield Finding(
            check="output", level="fail", found=f"{folder} cannot be written: {failed.strerror}", remedy=remedy
        )
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    found = f"{folder} ({_kind(folder)}), {_gb(free_bytes)} GB free, writes {mb_per_s:.0f} MB/s"
    if free_bytes < _LITTLE_BYTES:
        level = "fail" if free_bytes < _TOO_LITTLE_BYTES else "warn"
        yield Finding(check="output", level=level, found=found, remedy="make room: a film of 90 minutes takes some GB")
    elif mb_per_s < _SLOW_MB_PER_S or _kind(folder) in _OF_WINDOWS:
        yield Finding(check="output", level="warn", found=found, remedy="write images to a local disk: paths.datasets")
    else:
        yield Finding(check="output", level="ok", found=found)
    clock = f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; that of the output's disk differs by {abs(skew_s):.1f} s"
    if abs(skew_s) > _SKEW_S:
        yield Finding(check="clock", level="warn", found=clock, remedy="set both by NTP: timedatectl set-ntp true")
    else:
        yield Finding(check="clock", level="ok", found=clock)


def desktop_of(settings: Settings) -> Finding:
    """Whether notifications would be shown to whoever asks; the daemon may run elsewhere."""
    wish, reason = settings.notify.desktop, desktop.why_not(os.environ)
    if wish is False:
        return Finding(check="desktop", level="ok", found="no notifications wanted (notify.desktop: false)")
    if not reason:
        return Finding(check="desktop", level="ok", found=f"notify-send on {desktop.session_bus(os.environ)}")
    if wish == "auto":
        return Finding(check="desktop", level="ok", found=f"no notifications: {reason}")
    remedy = "sudo apt install libnotify-bin, start framed from a desktop, or set notify.desktop: auto"
    return Finding(check="desktop", level="warn", found=f"no notifications: {reason}", remedy=remedy)


def _answers(folder: Path) -> bool:
    """Whether its disk says anything at all, if only that the folder is not there."""

    def ask() -> None:
        with contextlib.suppress(OSError):
            os.stat(folder)

    # A thread that may be left behind: a dead network disk answers nobody, and lets nobody go.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_ANSWER_S)
    return not asking.is_alive()


def _silent(check: str, folder: Path) -> Finding:
    found = f"{folder} has not answered for {_ANSWER_S:g} s"
    return Finding(check=check, level="fail", found=found, remedy="see its server and the network, or unmount it")


def _kind(folder: Path) -> str:
    return mount_of(folder, mounts()).kind or "unknown"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f}"
