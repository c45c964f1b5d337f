"""A Debian of its own with systemd as its pid 1, in namespaces: real units, and nothing of this machine touched.

Needs root, debootstrap and, the first time, the network. Made once in build/service-test/, and used again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.harness.until import until

HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[1]
BUILD: Final = REPOSITORY / "build" / "service-test"
ROOT: Final = BUILD / "root"
VENV: Final = "/opt/framed"
"""Where framed is installed in there, as pipx would."""

_PACKAGES: Final = ",".join(
    (
        *("systemd", "systemd-sysv", "dbus", "tmux", "python3", "python3-venv"),
        # For a user's own manager, its bus and what is shown there.
        *("dbus-user-session", "libpam-systemd", "libnotify-bin", "python3-gi"),
    )
)
_MASKED: Final = (
    *("systemd-udevd.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"),
    *("systemd-sysctl.service", "systemd-modules-load.service", "console-getty.service", "getty.target"),
    *("systemd-firstboot.service", "systemd-journal-flush.service"),
)
_BOOT_S: Final = 90.0


@dataclass(frozen=True)
class Machine:
    """The running systemd, by its pid out here."""

    pid: int

    def run(self, *command: str, user: str = "root", check: bool = True) -> str:
        """What the command, run in there, printed."""
        done = self.attempt(*command, user=user)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def attempt(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        as_user = () if user == "root" else ("runuser", "-u", user, "--")
        namespaces = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
        # As a login sets it; managers and buses of users are found by it.
        runtime = () if user == "root" else (f"XDG_RUNTIME_DIR=/run/user/{_uid_in_there(user)}",)
        clean = ("env", "-i", f"PATH={VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *runtime)
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), *namespaces, "--", *clean, *as_user, *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def kill(self, name: str, pid: int | str) -> None:
        """The signal to the process with that pid in there."""
        self.run("sh", "-c", f"kill -{name} {pid}")


def make_root() -> None:
    """The Debian is there, with this repository's framed and what it depends on."""
    made, wanted = BUILD / "made", f"{_PACKAGES}\n{(REPOSITORY / 'requirements.lock').read_text(encoding='utf-8')}"
    before = made.read_text(encoding="utf-8") if made.exists() else ""
    if before != wanted:
        if before.partition("\n")[0] != _PACKAGES:
            shutil.rmtree(ROOT, ignore_errors=True)
            _do("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(ROOT))
        for unit in _MASKED:
            _do("systemctl", f"--root={ROOT}", "mask", unit)
        _do("systemctl", f"--root={ROOT}", "set-default", "multi-user.target")
        (ROOT / "etc/machine-id").write_text("")
        (ROOT / "etc/hostname").write_text("framed-test\n")
        if not (ROOT / "home/studio").exists():
            _in_root("useradd", "--create-home", "--shell", "/bin/bash", "studio")
        _do(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(BUILD / "wheelhouse"),
            "--constraint", str(REPOSITORY / "requirements.lock"), *_requirements())  # fmt: skip
        _in_root("python3", "-m", "venv", VENV)
        made.write_text(wanted, encoding="utf-8")
    shutil.rmtree(BUILD / "wheel", ignore_errors=True)
    _do(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(BUILD / "wheel"), str(REPOSITORY))
    for folder in ("etc/systemd/system", "home/studio/.config"):
        for left_over in sorted((ROOT / folder).rglob("framed*"), reverse=True):
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
    inside = ROOT / "var/wheelhouse"
    shutil.rmtree(inside, ignore_errors=True)
    shutil.copytree(BUILD / "wheelhouse", inside)
    shutil.copytree(BUILD / "wheel", inside, dirs_exist_ok=True)
    offline = ("install", "--quiet", "--no-index", "--find-links=/var/wheelhouse")
    _in_root(f"{VENV}/bin/pip", *offline, "--no-deps", "--force-reinstall", "framed")
    _in_root(f"{VENV}/bin/pip", *offline, "framed")
    shutil.rmtree(inside)


@contextlib.contextmanager
def booted() -> Iterator[Machine]:
    """It runs; afterwards none of its processes does."""
    namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup")
    # Its own cgroup comes first, so that the new namespace begins there and not at this process's.
    group = _own_cgroup() / f"framed-test-{os.getpid()}"
    group.mkdir()
    enter = f"echo $$ > {group}/cgroup.procs && exec unshare {' '.join(namespaces)} sh {HERE / 'boot.sh'} {ROOT}"
    outer = subprocess.Popen(["sh", "-c", enter], start_new_session=True)
    try:
        pid = until(lambda: _child_of(outer.pid), "systemd begins", _BOOT_S)
        machine = Machine(pid)
        until(lambda: machine.attempt("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"),
              "systemd is up", _BOOT_S)  # fmt: skip
        yield machine
    finally:
        for child in (_child_of(outer.pid),):
            if child is not None:
                os.kill(child, signal.SIGKILL)
        outer.wait(timeout=30)
        for folder in sorted((each for each in group.rglob("*") if each.is_dir()), key=lambda each: -len(each.parts)):
            folder.rmdir()
        group.rmdir()


def _uid_in_there(user: str) -> str:
    lines = (ROOT / "etc/passwd").read_text(encoding="utf-8").splitlines()
    return next(line.split(":")[2] for line in lines if line.startswith(f"{user}:"))


def _own_cgroup() -> Path:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    mount = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    groups = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    return mount / next(line.removeprefix("0::/") for line in groups if line.startswith("0::/"))


def _child_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            return int(child)
    return None


def _requirements() -> list[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(each) for each in project["dependencies"]]


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def _in_root(*command: str) -> None:
    _do("chroot", str(ROOT), *command)
