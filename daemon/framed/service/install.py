"""`framed install-service`: two systemd units for one root, the daemon's and that of its tmux server.

For the whole system, run by the owner of the root, or for one user's own manager.
"""

from __future__ import annotations

import importlib.resources
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from framed.errors import Refused, SettingsError
from framed.model.project import Overrides
from framed.settings.config import Settings, resolve
from framed.settings.places import Places
from framed.watching.scan import project_names

UNITS: Final = ("framed-tmux.service", "framed.service")
"""In the order in which they are started."""

_SYSTEM_FOLDER: Final = Path("/etc/systemd/system")
_FOR_SYSTEM_ONLY: Final = "#system "
_USUAL_PATH: Final = ("/usr/local/bin", "/usr/bin", "/bin")
_PRIVATE_IN_A_UNIT: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 -- compared with, not written to


@dataclass(frozen=True)
class Service:
    """Where the units of one kind go, and which manager they belong to."""

    is_users: bool

    @property
    def folder(self) -> Path:
        if not self.is_users:
            return _SYSTEM_FOLDER
        given = os.environ.get("XDG_CONFIG_HOME", "")
        return (Path(given) if os.path.isabs(given) else Path.home() / ".config") / "systemd" / "user"

    @property
    def kind(self) -> str:
        return "user" if self.is_users else "system"

    def systemctl(self, *arguments: str) -> Run:
        """The step that runs systemctl for its manager."""
        return Run(("systemctl", *(["--user"] if self.is_users else []), *arguments))


@dataclass(frozen=True)
class Write:
    """Writes a unit file."""

    path: Path
    text: str

    def run(self) -> str:
        """Does it; returns what was done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")
        return f"wrote {self.path}"

    def plan(self) -> str:
        return "\n".join([f"would write {self.path}:", *(f"    {line}".rstrip() for line in self.text.splitlines())])


@dataclass(frozen=True)
class Delete:
    path: Path

    def run(self) -> str:
        """Does it; returns what was done."""
        self.path.unlink()
        return f"stopped and removed {self.path}"

    def plan(self) -> str:
        return f"would delete {self.path}"


@dataclass(frozen=True)
class Run:
    command: tuple[str, ...]

    def run(self) -> str:
        """Runs it; returns nothing to print. Raises Refused with the command's message."""
        command = self.command
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except FileNotFoundError:
            raise Refused("systemctl is not installed: this machine does not run systemd; use: framed start") from None
        if done.returncode != 0:
            raise Refused(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split()) or done.returncode}")
        return ""

    def plan(self) -> str:
        return f"would run: {' '.join(self.command)}"


Step = Write | Delete | Run
_LINGER: Final = Run(("loginctl", "enable-linger"))


def install(places: Places, settings: Settings, service: Service) -> Iterator[str]:
    """The units are written, enabled and started; yields what was done, line by line. Raises Refused, SettingsError."""
    _check(places, service)
    yield from filter(None, (step.run() for step in _installation(places, settings, service)))
    yield f"enabled and started: framed runs {places.root}" + ("" if service.is_users else f" as {owner_of(places)}")
    if service.is_users:
        yield _lingering()


def install_planned(places: Places, settings: Settings, service: Service) -> Iterator[str]:
    """What `install` would do, with the texts of the units; nothing is done. Raises Refused, SettingsError."""
    if not places.root.is_dir():
        raise Refused(f"{places.root} does not exist; create it, owned by the user who is to run framed")
    yield from (step.plan() for step in _installation(places, settings, service))
    if service.is_users:
        yield _LINGER.plan()
    try:
        _check(places, service)
    except Refused as refused:
        yield f"but it would be refused now: {refused}"


def _installation(places: Places, settings: Settings, service: Service) -> list[Step]:
    values = unit_values(places, written_folders(places, settings), owner_of(places), is_users=service.is_users)
    return [
        *(Write(service.folder / name, render(name, values, is_users=service.is_users)) for name in UNITS),
        service.systemctl("daemon-reload"),
        service.systemctl("enable", *UNITS),
        # Units that were installed before get the new text; extractors keep running.
        service.systemctl("start", UNITS[0]),
        service.systemctl("restart", UNITS[1]),
    ]


def owner_of(places: Places) -> str:
    """The user who runs a system service for this root. Raises Refused when its owner has no user name."""
    uid = places.root.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise Refused(
            f"{places.root} belongs to uid {uid}, which is no user; chown it to the user who is to run framed"
        ) from None


def remove(service: Service) -> Iterator[str]:
    """The units are stopped and removed; yields what was done. Raises Refused."""
    steps = _removal(service)
    _check_may_write(service)
    yield from filter(None, (step.run() for step in steps))
    yield "jobs that were running continue at the next start of framed"


def remove_planned(service: Service) -> Iterator[str]:
    """What `remove` would do; nothing is done. Raises Refused."""
    yield from (step.plan() for step in _removal(service))
    try:
        _check_may_write(service)
    except Refused as refused:
        yield f"but it would be refused now: {refused}"


def _removal(service: Service) -> list[Step]:
    there = [name for name in UNITS if (service.folder / name).exists()]
    if not there:
        raise Refused(f"there are no units of framed in {service.folder}; nothing was changed")
    return [
        service.systemctl("disable", "--now", *reversed(there)),
        *(Delete(service.folder / name) for name in there),
        service.systemctl("daemon-reload"),
    ]


def render(name: str, values: Mapping[str, str], *, is_users: bool) -> str:
    """The text of the unit."""
    template = importlib.resources.files("framed.units").joinpath(name).read_text(encoding="utf-8")
    lines = []
    for line in template.splitlines():
        if line.startswith(_FOR_SYSTEM_ONLY):
            if is_users:
                continue
            line = line.removeprefix(_FOR_SYSTEM_ONLY)  # noqa: PLW2901
        lines.append(re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], line))
    return "\n".join(lines) + "\n"


def unit_values(places: Places, written: tuple[Path, ...], owner: str, *, is_users: bool) -> Mapping[str, str]:
    """The value of each @NAME@ in the templates."""
    tmux = shutil.which("tmux")
    folders = dict.fromkeys([*([os.path.dirname(tmux)] if tmux else []), *_USUAL_PATH])
    environment = {"PATH": ":".join(folders)}
    if state_home := os.environ.get("XDG_STATE_HOME"):
        environment["XDG_STATE_HOME"] = state_home
    # The owner's runtime folder, so that commands find the daemon without --root.
    runtime = f"/run/user/{pwd.getpwnam(owner).pw_uid}"
    return {
        "FRAMED": _quoted(Path(sys.executable).with_name("framed")).replace("$", "$$"),
        "FRAMECTL": _quoted(Path(sys.executable).with_name("framectl")).replace("$", "$$"),
        "ROOT": _quoted(places.root).replace("$", "$$"),
        "USER": owner,
        "TARGET": "default.target" if is_users else "multi-user.target",
        # Not the disk of raw_videos: framed starts without it and waits for it.
        "MOUNTS": " ".join(map(_quoted, dict.fromkeys((places.root, places.state, places.datasets)))),
        "WRITES": " ".join(_quoted(f"-{folder}") for folder in (*written, runtime)),
        "ENVIRONMENT": " ".join(_quoted(f"{name}={value}") for name, value in environment.items()),
    }


def written_folders(places: Places, settings: Settings) -> tuple[Path, ...]:
    """The folders that the daemon writes to, none inside another; it only reads films.

    Covers the projects of now: after a project gets another output disk, install the service again.
    """
    wanted = {places.root, places.datasets, places.projects, places.logs, places.state}
    try:
        names = project_names(places.raw_videos)
    except OSError:
        names = []
    for name in names:
        try:
            wanted.add(resolve(settings, places, name, Overrides()).frames_dir.parent)
        except SettingsError:
            continue
    inner = {each for each in wanted for other in wanted if each != other and each.is_relative_to(other)}
    return tuple(sorted(wanted - inner))


def _check(places: Places, service: Service) -> None:
    _check_may_write(service)
    if shutil.which("systemctl") is None or not os.path.isdir("/run/systemd/system"):
        raise Refused("this machine does not run systemd; use: framed start (WSL2: systemd=true in /etc/wsl.conf)")
    framed = Path(sys.executable).with_name("framed")
    if not os.access(framed, os.X_OK):
        raise Refused(f"{framed} does not exist; install framed with pip or pipx first")
    if not places.root.is_dir():
        raise Refused(f"{places.root} does not exist; create it, owned by the user who is to run framed")
    if not service.is_users:
        if places.sockets != places.state:
            raise Refused(
                f"the path {places.state} is too long for a socket; set paths.state in {places.settings_file}"
            )
        for folder in (places.root, places.datasets, places.state):
            if any(folder.is_relative_to(each) for each in _PRIVATE_IN_A_UNIT):
                raise Refused(
                    f"{folder} cannot be used: a system service has a private folder there; move it elsewhere"
                )
    if any((service.folder / name).exists() for name in UNITS):
        return
    kill_server = f"tmux -S {places.tmux_socket} kill-server"
    for path, way_out in ((places.control_socket, "framed stop"), (places.tmux_socket, kill_server)):
        if answers(path):
            raise Refused(f"{path} is used by a framed that is not a service; stop it first: {way_out}")


def _check_may_write(service: Service) -> None:
    if not service.is_users and os.geteuid() != 0:
        raise Refused(f"only root may write to {_SYSTEM_FOLDER}; use sudo, or --user for a service of your own")
    if service.is_users and os.geteuid() == 0 and "SUDO_USER" in os.environ:
        raise Refused("--user installs for the user who runs it; run it without sudo")


def _lingering() -> str:
    """Enables lingering; returns a line that says whether that worked, or what to do."""
    try:
        done = subprocess.run(_LINGER.command, capture_output=True, check=False)
    except FileNotFoundError:
        done = None
    if done is not None and done.returncode == 0:
        return "it starts with the machine and keeps running after you log out (lingering is on)"
    return "it ends when you log out; to keep it running: sudo loginctl enable-linger $USER"


def answers(path: Path) -> bool:
    """Whether a process listens on the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _quoted(value: str | Path) -> str:
    """The value quoted as one word of a unit file. In a command `$` must be doubled as well."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s'\"\\;]", text) else text
