"""Attacks by another user of the machine: what he answers on a socket, and what he has put where root will go.

He is uid 65534, his processes are real, and framed is root: only root can make both.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from framed.errors import Exit
from framed.protocol.messages import ProjectState
from tests.harness.root import Root
from tests.harness.site import Site, new_site
from tests.harness.until import DEADLINE_S, until

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")

STRANGER: Final = 65534
HOSTILE_DAEMON: Final = Path(__file__).resolve().parents[1] / "fakes" / "hostile_daemon.py"


@pytest.fixture
def site() -> Iterator[Site]:
    """A root without a daemon that everybody can get into."""
    with new_site() as made:
        made.folder.chmod(0o755)
        made.film("onward")
        (made.root / "state").mkdir(mode=0o700)
        yield made


@contextlib.contextmanager
def answering(site: Site, uid: int, session: str = "frame_extraction_onward") -> Iterator[Path]:
    """The hostile daemon of this user listens in the root's place for it; the file that must not come to be."""
    marker = site.folder / "executed"
    command = [sys.executable, str(HOSTILE_DAEMON), str(uid), str(site.socket), str(site.root), str(marker), session]
    with subprocess.Popen(command) as hostile:
        try:
            until(lambda: Path(f"{site.socket}.received").exists(), "it listens")
            yield marker
        finally:
            hostile.kill()


def in_terminal(site: Site, *arguments: str) -> tuple[int, str]:
    """A command as typed in a terminal: its exit code, and what it showed. One that goes on is killed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(site.root)
        os.execve(sys.executable, [sys.executable, "-m", *arguments], site.environ | {"TERM": "xterm-256color"})  # noqa: S606
    shown = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while select.select([terminal], [], [], DEADLINE_S)[0] and (piece := os.read(terminal, 1 << 16)):
            shown += piece
    os.close(terminal)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), " ".join(shown.decode().split())


def give_to_stranger(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


@pytest.mark.parametrize(
    "command",
    [
        ("framed.ctl", "attach", "onward"),
        ("framed.ctl", "status"),
        ("framed.ctl", "monitor"),
        ("framed.ctl", "submit", "onward", "--dry-run"),
        ("framed", "config"),
        ("framed", "stop"),
        ("framed", "start"),
    ],
    ids=" ".join,
)
def test_root_touches_no_root_of_another_user(site: Site, command: tuple[str, ...]) -> None:
    """Nothing that its socket answers is executed, nobody is even asked, and the line says as whom to do it."""
    give_to_stranger(site.root)
    with answering(site, STRANGER) as marker:
        code, shown = in_terminal(site, *command)
        assert not marker.exists()
        assert (code, "belongs to" in shown, f"uid {STRANGER}" in shown) == (Exit.REFUSED, True, True), shown
        assert Path(f"{site.socket}.received").read_text() == ""


def test_root_believes_no_socket_that_another_user_answers(site: Site) -> None:
    """Though it lies in root's own state folder."""
    with answering(site, STRANGER) as marker:
        code, shown = in_terminal(site, "framed.ctl", "attach", "onward")
        assert not marker.exists()
        assert (code, f"uid {STRANGER}" in shown) == (Exit.REFUSED, True), shown


def test_root_believes_no_state_of_another_user(site: Site) -> None:
    """`paths.state` leads into his folder."""
    state = site.folder / "his"
    state.mkdir()
    os.chown(state, STRANGER, STRANGER)
    settings = site.root / "configs" / "framed.yaml"
    settings.write_text(f"paths: {{state: {state}}}\n")
    for command in (("framed.ctl", "status"), ("framed", "start")):
        code, shown = in_terminal(site, *command)
        assert (code, f"{state}: belongs to" in shown) == (Exit.REFUSED, True), shown
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("session", ["frame_extraction_onward", "frame_extraction_onwards", "x; touch executed"])
def test_attach_executes_nothing_that_is_answered(site: Site, session: str) -> None:
    """Not even what one's own socket answers: the command is tmux's, for the session of that name and no other."""
    with answering(site, os.getuid(), session) as marker:
        code, shown = in_terminal(site, "framed.ctl", "attach", "onward")
        assert code != Exit.OK
        assert not marker.exists()
        assert not (site.root / "executed").exists()
        assert shown.startswith("framectl: ")


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[list[str]]:
    """The beginning of a command for which the folder of last resort is one that the stranger has made."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    place = Path("/tmp/framed-0")
    place.mkdir(mode=0o700, exist_ok=True)
    his = tmp_path / "his"
    (his / "running").mkdir(parents=True)
    (his / "running" / "root.json").write_text(json.dumps({"root": str(tmp_path), "socket": str(tmp_path / "sock")}))
    give_to_stranger(his)
    his.chmod(0o777)
    covered = 'mount --make-rprivate / && mount --bind "$0" /tmp/framed-0 && { [ ! -d /run/user/0 ] || '
    script = covered + 'mount --bind "$0" /run/user/0; } && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", script, str(his)]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield within
    assert [path.name for path in his.rglob("*")] == ["running", "root.json"]


def test_root_daemon_refuses_a_folder_of_last_resort_that_another_user_made(root: Root, planted: list[str]) -> None:
    """The daemon says whose it is and puts nothing into it; commands find no daemon there."""
    daemon = root.launch(within=planted, environment={"XDG_RUNTIME_DIR": ""})
    assert daemon.wait(30) == Exit.REFUSED
    assert f"/tmp/framed-0: belongs to another user (nobody, uid {STRANGER})" in root.log_of(0)
    found = subprocess.run(
        [*planted, sys.executable, "-m", "framed.ctl", "status"],
        env=os.environ | {"XDG_RUNTIME_DIR": ""}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (found.returncode, "no framed is running" in found.stderr) == (Exit.UNREACHABLE, True), found.stderr


def test_root_daemon_writes_through_no_link_that_another_user_planted(
    new_root: Callable[..., Root], tmp_path: Path
) -> None:
    """In a folder for logs that is open to all, under the name that is always the same: the film completes all the
    same, and what the link leads to stays as it is.
    """
    logs = tmp_path / "logs"
    logs.mkdir()
    logs.chmod(0o777)
    victim = tmp_path / "victim"
    victim.write_text("of root\n")
    link = logs / "completion_notifications.log"
    link.symlink_to(victim)
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    root = new_root()
    root.places.settings_file.write_text(f"{root.places.settings_file.read_text()}paths: {{logs: {logs}}}\n")
    root.start()
    root.film("onward")
    root.wait_for("onward", ProjectState.COMPLETE)
    until(lambda: "completion not noted" in root.log_of(0), "it says so")
    assert victim.read_text() == "of root\n"
