"""What is said to systemd, and the units that `framed install-service` writes."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from framed.errors import Refused
from framed.log import configure
from framed.service.install import UNITS, Service, remove, render, unit_values, written_folders
from framed.service_manager import ServiceManager, is_journal
from framed.settings.config import load_settings
from framed.settings.places import Places, load_places


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """A socket as systemd's, on a path short enough for one."""
    with (
        tempfile.TemporaryDirectory(prefix="framed-sd-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
    ):
        listener.bind(f"{folder}/notify")
        listener.settimeout(5)
        yield listener


@pytest.fixture
def places(tmp_path: Path) -> Places:
    root = tmp_path / "my films 100%"
    for name in ("raw_videos/onward", "configs/projects"):
        (root / name).mkdir(parents=True)
    return load_places(root, {"HOME": str(tmp_path)})


def test_what_is_said_reaches_the_manager_as_one_message(manager: socket.socket) -> None:
    """One assignment a line; a line break in a value would begin another."""
    unit = ServiceManager({"NOTIFY_SOCKET": manager.getsockname()})
    unit.notify(READY=1, STATUS="1 running\nX=2")
    assert manager.recv(1024) == b"READY=1\nSTATUS=1 running X=2"


def test_abstract_socket_is_spoken_to_as_well() -> None:
    """systemd writes its leading NUL as @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        name = listener.getsockname()
        ServiceManager({"NOTIFY_SOCKET": "@" + os.fsdecode(name[1:])}).notify(STOPPING=1)
        assert listener.recv(1024) == b"STOPPING=1"


def test_no_child_inherits_the_manager_s_socket() -> None:
    """It could speak in the daemon's name."""
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    assert ServiceManager(environ).watchdog_s == 5.0
    assert environ == {"HOME": "/"}


def test_watchdog_of_another_process_is_none_of_ours() -> None:
    """WATCHDOG_PID names it."""
    assert ServiceManager({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}).watchdog_s is None


def test_outside_a_unit_nothing_is_said_and_nothing_waits() -> None:
    """As for everybody who types `framed start`."""
    unit = ServiceManager({})
    unit.notify(READY=1)
    anyio.run(unit.keep_notified, lambda: True, lambda: "")
    assert not unit.is_present


def test_daemon_that_is_not_alive_says_its_status_and_nothing_more(manager: socket.socket) -> None:
    """Then the watchdog ends it."""
    alive = [True, False, False]
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000"}

    async def notify() -> None:
        with anyio.move_on_after(2):
            await ServiceManager(environ).keep_notified(alive.pop, lambda: f"{len(alive)} left")

    with pytest.raises(BaseException, match="pop from empty list"):
        anyio.run(notify)
    said = [manager.recv(1024) for _ in range(4)]
    assert said == [b"STATUS=3 left", b"STATUS=2 left", b"STATUS=1 left", b"WATCHDOG=1"]


def test_journal_is_given_priorities_and_no_times(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the time of each line itself; the file has both."""
    stat = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
    monkeypatch.setattr("sys.stderr", os.fdopen(os.dup(2), "w"))
    assert is_journal(2, dict(os.environ))
    logger = logging.getLogger("framed")
    before = list(logger.handlers), logger.propagate, logger.level
    try:
        configure(tmp_path / "framed.log")
        logger.warning("disk low")
    finally:
        for handler in set(logger.handlers) - set(before[0]):
            handler.close()
        logger.handlers[:], logger.propagate, _ = before
        logger.setLevel(before[2])
    assert capfd.readouterr().err == "<4>disk low\n"
    assert (tmp_path / "framed.log").read_text().endswith("Z WARNING disk low\n")


@pytest.mark.parametrize("is_users", [True, False])
@pytest.mark.parametrize("name", UNITS)
def test_unit_is_filled_in_to_the_last_word(places: Places, name: str, *, is_users: bool) -> None:
    """A folder with spaces and % in its name is one word, and stays itself."""
    values = unit_values(places, (places.root,), "root", is_users=is_users)
    text = render(name, values, is_users=is_users)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert "@" not in "".join(line for line in lines if not line.startswith("SystemCallFilter="))
    assert "#system" not in text
    assert f'--root "{places.root}"'.replace("%", "%%") in text
    assert ("User=root" in lines) is not is_users
    assert f"WantedBy={'default' if is_users else 'multi-user'}.target" in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("is_users", [True, False])
def test_systemd_understands_every_line(places: Places, tmp_path: Path, *, is_users: bool) -> None:
    """Of both units, in both variants; and there is little left to attack in the system's."""
    folder = tmp_path / "units"
    folder.mkdir()
    for name in UNITS:
        filled = unit_values(places, (places.root,), "root", is_users=is_users)
        values = {**filled, "FRAMED": "true", "FRAMECTL": "true"}
        (folder / name).write_text(render(name, values, is_users=is_users))
    units = [str(folder / name) for name in UNITS]
    mode = "--user" if is_users else "--system"
    environ = os.environ | {"SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        ["systemd-analyze", mode, "--man=no", "verify", *units],
        capture_output=True, text=True, env=environ, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "framed" in line]
    assert ours == []
    if not is_users:
        subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", units[1]],
            capture_output=True, check=True,
        )  # fmt: skip


def test_daemon_may_write_where_a_project_sends_its_frames(places: Places, tmp_path: Path) -> None:
    """And where the settings say; a folder within another is not named twice."""
    (places.root / "configs/projects/onward.yaml").write_text(f"paths: {{frames: {tmp_path}/big/onward/frames}}")
    assert written_folders(places, load_settings(places)) == (tmp_path / "big/onward", places.root)


def test_removal_of_what_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And changes nothing."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(Refused, match="there are no units of framed in"):
        list(remove(Service(is_users=True)))


def test_dry_run_prints_every_unit_and_command_and_changes_nothing(places: Places, tmp_path: Path) -> None:
    """Of the installation and of the removal; what prevents it today is reported, and is no error."""
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}

    def framed(*arguments: str) -> str:
        command = [sys.executable, "-m", "framed", "install-service", "--user", "--dry-run", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        assert done.stdout.endswith("framed: dry run: nothing was changed\n")
        return done.stdout

    folder = tmp_path / "config/systemd/user"
    printed = framed("--root", str(places.root))
    for name in UNITS:
        assert f"framed: would write {folder / name}:\n" in printed
    assert "\n    ExecStart=" in printed
    assert "framed: would run: systemctl --user enable framed-tmux.service framed.service\n" in printed
    assert "framed: would run: loginctl enable-linger\n" in printed
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / UNITS[1]).touch()
    printed = framed("--remove")
    assert "framed: would run: systemctl --user disable --now framed.service\n" in printed
    assert f"framed: would delete {folder / UNITS[1]}\n" in printed
    assert (folder / UNITS[1]).exists()
