"""A root on which real commands are run, each in a process of its own, as people type them.

The daemon is the real one; its extractor is the fake one, which needs no film.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from framed.ctl.client import connect
from framed.errors import FramedError
from framed.protocol.messages import Status, StatusReply
from framed.settings.places import load_places
from tests.harness.until import until

FAKE_DAEMON = Path(__file__).resolve().parents[1] / "fakes" / "daemon.py"
PATIENCE_S = 60.0

SETTINGS = """
watch: {auto_submit: false, scan_interval_s: 0.2, settle_s: 0, settle_scans: 1, force_polling: true}
budget: {slots: 4, max_active: 2, memory_floor_gb: 0}
retry: {base_s: 0.1, max_s: 0.1}
"""


@dataclass
class Site:
    """One root with what belongs to it; nothing of the user's is touched."""

    folder: Path
    daemons: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def socket(self) -> Path:
        return self.root / "state" / "control.sock"

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("FRAMED_ROOT", "TMUX")}
        return kept | {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "run"), "NO_COLOR": "1"}

    def film(self, project: str, words: str = "", name: str = "film.mkv") -> Path:
        path = self.root / "raw_videos" / project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{words}\n{project} {name}")
        return path

    def run(
        self, *command: str, cwd: Path | None = None, within: Sequence[str] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*within, sys.executable, "-m", *command],
            cwd=cwd or self.root,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ctl(
        self, *arguments: str, cwd: Path | None = None, within: Sequence[str] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return self.run("framed.ctl", *arguments, cwd=cwd, within=within, **environ)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A daemon whose socket answers."""
        log = (self.folder / "daemon.log").open("a")
        daemon = subprocess.Popen(
            [sys.executable, *(command or (str(FAKE_DAEMON), str(self.root)))],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        self.daemons.append(daemon)
        until(lambda: daemon.poll() is not None or self.answers(), "the daemon answers")
        assert daemon.poll() is None, (self.folder / "daemon.log").read_text()
        return daemon

    def answers(self) -> bool:
        try:
            connect(load_places(self.root, self.environ)).close()
        except FramedError:
            return False
        return True

    def state_of(self, project: str) -> str:
        """Asked without a command: each costs a fifth of a second of the processor, and waits ask again and again."""
        with connect(load_places(self.root, self.environ)) as daemon:
            return daemon.call("status", Status(projects=(project,)), StatusReply).projects[0].state.value

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.kill()
            daemon.communicate()
        tmux = self.root / "state" / "tmux.sock"
        if tmux.exists():
            subprocess.run(["tmux", "-S", str(tmux), "kill-server"], capture_output=True, check=False)


@contextlib.contextmanager
def new_site(settings: str = SETTINGS) -> Iterator[Site]:
    """A site without a daemon; nothing of it is left."""
    # Not tmp_path: its name is too long for a socket, and would be a test of something else.
    with tempfile.TemporaryDirectory(prefix="framectl-", ignore_cleanup_errors=True) as folder:
        made = Site(Path(folder).resolve())
        (made.root / "raw_videos").mkdir(parents=True)
        (made.root / "configs" / "projects").mkdir(parents=True)
        (made.root / "configs" / "framed.yaml").write_text(settings)
        (made.folder / "run").mkdir(mode=0o700)
        try:
            yield made
        finally:
            made.close()
