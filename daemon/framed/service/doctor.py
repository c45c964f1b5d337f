"""`framed doctor`: looks at what framed stands on, and says what to do about what is wrong. Changes nothing.

Works without a daemon, and where the settings are wrong. Blocking.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from frame_extractor.cores import usable_cores
from framed.errors import FramedError, SettingsError
from framed.host.memory import read_memory
from framed.model.project import Overrides
from framed.policy.shares import budget
from framed.service.install import UNITS, Service, answers
from framed.settings.config import Settings, load_settings, resolve
from framed.settings.places import Places, filesystem_type
from framed.watching.hint import notifies
from framed.watching.scan import project_names

Level = Literal["ok", "warn", "fail"]

_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_TMUX: Final = (3, 2)
_WATCHES: Final = 8_192
_INSTANCES: Final = 128
_PROBE_BYTES: Final = 32 * 1024 * 1024
_SLOW_MB_PER_S: Final = 20.0
_LITTLE_BYTES: Final = 10 * 10**9
_TOO_LITTLE_BYTES: Final = 10**9
_SKEW_S: Final = 2.0
_IMPORT_S: Final = 60.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one place."""

    check: str
    level: Level
    found: str
    remedy: str = ""
    """What to do; empty when all is well."""


def examine(find: Callable[[], Places]) -> Iterator[Finding]:
    """Everything; what is wrong with the root itself is a finding too."""
    yield from examine_machine()
    try:
        places = find()
    except FramedError as wrong:
        yield Finding(check="root", level="fail", found=str(wrong), remedy="name another, then ask again")
        return
    yield from examine_root(places)


def examine_machine() -> Iterator[Finding]:
    """What does not depend on a root."""
    yield _python()
    yield _tmux()
    yield _decord()
    yield _inotify()


def examine_root(places: Places) -> Iterator[Finding]:
    """What belongs to one root."""
    yield Finding(check="root", level="ok", found=str(places.root))
    try:
        settings = load_settings(places)
    except SettingsError as wrong:
        yield Finding(check="settings", level="fail", found=str(wrong), remedy="mend the file")
        settings = Settings()
    else:
        yield from _projects(places, settings)
    yield _budget(settings)
    yield _films(places)
    yield _state(places)
    yield from _output(places)
    yield from _sockets(places)
    yield from _units(places)


def _python() -> Finding:
    found = f"{sys.version.split()[0]}, {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return Finding(check="python", level="fail", found=found, remedy="install framed with Python 3.11 or later")
    return Finding(check="python", level="ok", found=found)


def _tmux() -> Finding:
    program = shutil.which("tmux")
    if program is None:
        return Finding(check="tmux", level="fail", found="not on the PATH", remedy="sudo apt install tmux")
    version = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = re.search(r"(\d+)\.(\d+)", version)
    found = f"{version.removeprefix('tmux ')}, {program}"
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < _OLDEST_TMUX:
        return Finding(check="tmux", level="warn", found=found, remedy="tried with 3.3a; install 3.2 or later")
    return Finding(check="tmux", level="ok", found=found)


def _decord() -> Finding:
    there = {name: _distribution(name) for name in ("decord", "decord2")}
    if there["decord"] is not None:
        what = "decord and decord2, which overwrite each other" if there["decord2"] else "decord, of 2021"
        remedy = "pip uninstall -y decord decord2 && pip install decord2"
        return Finding(check="decord", level="fail", found=what, remedy=remedy)
    distribution = there["decord2"]
    if distribution is None:
        return Finding(check="decord", level="fail", found="not installed", remedy="pip install decord2")
    libraries = (re.search(r"libavcodec[^/]*\.so\.([\d.]+)$", str(file)) for file in distribution.files or ())
    codec = next((match[1] for match in libraries if match), "unknown")
    found = f"decord2 {distribution.version}, libavcodec {codec}; PyAV {importlib.metadata.version('av')}"
    # In a process of its own: a library that does not fit may end it.
    try:
        tried = subprocess.run(
            [sys.executable, "-c", "import decord, av"],
            capture_output=True, text=True, timeout=_IMPORT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding(check="decord", level="fail", found=f"{found}; its import hangs", remedy="install it again")
    if tried.returncode != 0:
        last = (tried.stderr.strip().splitlines() or [f"exit {tried.returncode}"])[-1]
        return Finding(check="decord", level="fail", found=f"{found}; {last}", remedy="install it again")
    return Finding(check="decord", level="ok", found=found)


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _inotify() -> Finding:
    folder = Path("/proc/sys/fs/inotify")
    try:
        watches, instances = (int((folder / f"max_user_{name}").read_text()) for name in ("watches", "instances"))
    except (OSError, ValueError):
        return Finding(check="inotify", level="warn", found="its limits cannot be read", remedy="films are still found")
    found = f"{watches} watches, {instances} instances"
    if watches < _WATCHES or instances < _INSTANCES:
        remedy = (
            f"sudo sysctl fs.inotify.max_user_watches={_WATCHES * 8} fs.inotify.max_user_instances={_INSTANCES * 4}"
        )
        return Finding(check="inotify", level="warn", found=found, remedy=remedy)
    return Finding(check="inotify", level="ok", found=found)


def _projects(places: Places, settings: Settings) -> Iterator[Finding]:
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


def _budget(settings: Settings) -> Finding:
    cores, memory = usable_cores(), read_memory()
    share = budget(cores, memory.total_bytes, settings.budget)
    found = (
        f"{cores} cores, {_gb(memory.available_bytes)} of {_gb(memory.total_bytes)} GB memory available: "
        f"slots {share.slots}, projects at once {share.max_active}"
    )
    if share.slots > cores:
        return Finding(check="budget", level="warn", found=found, remedy="budget.slots: no more than there are cores")
    return Finding(check="budget", level="ok", found=found)


def _films(places: Places) -> Finding:
    try:
        n_projects = len(project_names(places.raw_videos))
    except OSError as failed:
        found = f"{places.raw_videos} cannot be read: {failed.strerror}"
        return Finding(check="films", level="fail", found=found, remedy="mount its disk, or see paths.raw_videos")
    kind = _kind(places.raw_videos)
    how = "told of changes" if notifies(places.raw_videos) else "looked at every watch.scan_interval_s"
    found = f"{places.raw_videos} ({kind}), {how}; projects: {n_projects}"
    return Finding(check="films", level="ok", found=found)


def _state(places: Places) -> Finding:
    found = f"{places.state} ({_kind(places.state)})"
    if places.state_is_elsewhere:
        found += ", because the root's file system cannot hold it"
    return Finding(check="state", level="ok", found=found)


def _output(places: Places) -> Iterator[Finding]:
    folder = places.datasets
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
        remedy = "make room" if failed.errno == errno.ENOSPC else "see its mount and its owner"
        yield Finding(
            check="output", level="fail", found=f"{folder} cannot be written: {failed.strerror}", remedy=remedy
        )
        return
    finally:
        probe.unlink(missing_ok=True)
    found = f"{folder} ({_kind(folder)}), {_gb(free_bytes)} GB free, writes {mb_per_s:.0f} MB/s"
    if free_bytes < _LITTLE_BYTES:
        level = "fail" if free_bytes < _TOO_LITTLE_BYTES else "warn"
        yield Finding(check="output", level=level, found=found, remedy="make room: a film of 90 minutes takes some GB")
    elif mb_per_s < _SLOW_MB_PER_S:
        yield Finding(check="output", level="warn", found=found, remedy="write images to a local disk: paths.datasets")
    else:
        yield Finding(check="output", level="ok", found=found)
    clock = f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; that of the output's disk differs by {abs(skew_s):.1f} s"
    if abs(skew_s) > _SKEW_S:
        yield Finding(check="clock", level="warn", found=clock, remedy="set both by NTP: timedatectl set-ntp true")
    else:
        yield Finding(check="clock", level="ok", found=clock)


def _sockets(places: Places) -> Iterator[Finding]:
    for check, path, remedy in (
        ("daemon", places.control_socket, "framed start takes its place"),
        ("tmux server", places.tmux_socket, "the next film's start takes its place"),
    ):
        if answers(path):
            yield Finding(check=check, level="ok", found=f"answers on {path}")
        elif path.exists():
            yield Finding(check=check, level="warn", found=f"{path} is there, and nobody listens", remedy=remedy)
        else:
            yield Finding(check=check, level="ok", found="does not run")


def _units(places: Places) -> Iterator[Finding]:
    is_installed = False
    for service in (Service(is_users=False), Service(is_users=True)):
        for name in UNITS:
            try:
                text = (service.folder / name).read_text(encoding="utf-8")
            except OSError:
                continue
            is_installed = True
            yield _unit(service.folder / name, text, places, service)
    if not is_installed:
        yield Finding(check="service", level="ok", found="not installed (framed install-service)")


def _unit(file: Path, text: str, places: Places, service: Service) -> Finding:
    started = re.search(r'^ExecStart=(?:"([^"]+)"|(\S+))', text, re.MULTILINE)
    program = Path(((started[1] or started[2]) if started else "").replace("%%", "%"))
    again = "framed install-service --user" if service.is_users else "sudo framed install-service"
    if not os.access(program, os.X_OK):
        found = f"{file} starts {program}, which is not there"
        return Finding(check="service", level="fail", found=found, remedy=f"{again} --root {places.root}")
    return Finding(check="service", level="ok", found=str(file))


def _kind(folder: Path) -> str:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return "unknown"
    return filesystem_type(folder, mounts) or "unknown"


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f}"
