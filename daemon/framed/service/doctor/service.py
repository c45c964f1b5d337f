"""Checks of what runs: the daemon, its tmux server, and the systemd units."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from framed.errors import Refused
from framed.service.doctor.finding import Finding
from framed.service.install import UNITS, Service, answers, owner_of, render, unit_values, written_folders
from framed.settings.config import Settings
from framed.settings.places import Places


def sockets(places: Places) -> Iterator[Finding]:
    """Sockets with a listener, and stale ones."""
    for check, path, remedy in (
        ("daemon", places.control_socket, "framed start replaces it"),
        ("tmux server", places.tmux_socket, "the next job replaces it"),
    ):
        if not os.access(path.parent, os.X_OK) and path.parent.exists():
            yield Finding(check=check, level="ok", found=f"cannot be checked: {path.parent} belongs to another user")
        elif answers(path):
            yield Finding(check=check, level="ok", found=f"answers on {path}")
        elif path.exists():
            yield Finding(check=check, level="warn", found=f"{path} exists, but nobody listens", remedy=remedy)
        else:
            yield Finding(check=check, level="ok", found="is not running")


def units(places: Places, settings: Settings) -> Iterator[Finding]:
    """Every installed unit, and whether `install-service` would write the same now."""
    is_installed = False
    for service in (Service(is_users=False), Service(is_users=True)):
        for name in UNITS:
            try:
                text = (service.folder / name).read_text(encoding="utf-8")
            except OSError:
                continue
            is_installed = True
            yield _unit(name, text, places, settings, service)
    if not is_installed:
        yield Finding(check="service", level="ok", found="not installed (framed install-service)")


def _unit(name: str, text: str, places: Places, settings: Settings, service: Service) -> Finding:
    file = service.folder / name
    program, root = _started(text)
    again = f"{'framed install-service --user' if service.is_users else 'sudo framed install-service'} --root {root}"
    if not os.access(program, os.X_OK):
        found = f"{file} starts {program}, which does not exist"
        return Finding(check="service", level="fail", found=found, remedy=again)
    if root != str(places.root):
        return Finding(check="service", level="ok", found=f"{file}, for {root}")
    if program != str(Path(sys.executable).with_name("framed")):
        return Finding(check="service", level="ok", found=f"{file}, of another installation: {program}")
    try:
        owner = owner_of(places)
    except Refused as wrong:
        return Finding(check="service", level="fail", found=str(wrong), remedy=again)
    values = unit_values(places, written_folders(places, settings), owner, is_users=service.is_users)
    differing = _keys_that_differ(text, render(name, values, is_users=service.is_users))
    if not differing:
        return Finding(check="service", level="ok", found=str(file))
    found = f"{file} differs from what would be installed now: {', '.join(differing)}"
    return Finding(check="service", level="warn", found=found, remedy=f"{again} (own changes: systemctl edit {name})")


def _started(text: str) -> tuple[str, str]:
    """The unit's program and root."""
    command = next((line for line in text.splitlines() if line.startswith("ExecStart=")), "ExecStart=")
    try:
        words = shlex.split(command.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$"))
    except ValueError:
        words = []
    return (words[0], words[-1]) if words else ("", "")


def _keys_that_differ(text: str, wanted: str) -> list[str]:
    """Without lines that depend on the environment: doctor may run in another one than install-service."""
    lines, others = (
        {line for line in each.splitlines() if line and not line.startswith(("#", "Environment="))}
        for each in (text, wanted)
    )
    return sorted({line.partition("=")[0] for line in lines ^ others})
