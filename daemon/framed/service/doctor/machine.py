"""Checks that do not depend on a root: programs, libraries, limits, the operating system."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from framed.host.inotify import read_limits
from framed.service.doctor.finding import Finding

_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_TMUX: Final = (3, 2)
_IMPORT_S: Final = 60.0


def examine_machine() -> Iterator[Finding]:
    """All of them, in order."""
    yield _python()
    yield _tmux()
    yield _decord()
    yield _inotify()
    if "microsoft" in platform.release().lower():
        yield _wsl()


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
        return Finding(
            check="tmux", level="warn", found=found, remedy="install 3.2 or later; framed is tested with 3.3a"
        )
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
    # In a process of its own: an incompatible library may crash it.
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
    limits = read_limits()
    if limits is None:
        return Finding(
            check="inotify",
            level="warn",
            found="its limits cannot be read",
            remedy="nothing to do: scans still find films",
        )
    found = f"{limits.watches} watches, {limits.instances} instances"
    if limits.are_low:
        return Finding(check="inotify", level="warn", found=found, remedy=limits.remedy)
    return Finding(check="inotify", level="ok", found=found)


def _wsl() -> Finding:
    found = f"{platform.release()}; Windows disks send no change notifications: films there are found by scanning"
    if not os.path.isdir("/run/systemd/system"):
        # Not a warning: `framed start` works without systemd.
        found += "; without systemd framed ends with the last terminal (systemd=true in /etc/wsl.conf)"
    return Finding(check="wsl", level="ok", found=found)
