"""One root on the test's machine with framed installed for it: what is asked of it, and how it is disturbed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.harness.until import until
from tests.service.machine import HERE, ROOT, Machine

FRAMED: Final = "framed.service"
TMUX: Final = "framed-tmux.service"
PATIENCE_S: Final = 60.0

_HOME: Final = "/home/studio"
_SETTINGS: Final = """\
budget: {slots: 1, memory_floor_gb: 0}
watch: {scan_interval_s: 0.5, settle_s: 0.5, settle_scans: 2}
notify: {at_most_every_s: 0}
"""
_SHORT_WATCHDOG: Final = "[Service]\nWatchdogSec=6\nTimeoutAbortSec=3\n"


@dataclass(frozen=True)
class InstalledRoot:
    """`is_users`: framed is a service of studio's own manager, not of the system's."""

    machine: Machine
    is_users: bool

    @property
    def user(self) -> str:
        """Who commands the service."""
        return "studio" if self.is_users else "root"

    @property
    def site(self) -> str:
        """The root, as it is called in there."""
        return f"{_HOME}/{'own' if self.is_users else 'system'}"

    @property
    def site_from_here(self) -> Path:
        return ROOT / self.site.lstrip("/")

    @property
    def units(self) -> Path:
        """Where its units are, from here."""
        return ROOT / (f"{_HOME}/.config/systemd/user" if self.is_users else "/etc/systemd/system").lstrip("/")

    def prepare(self) -> None:
        """It runs, with a watchdog that is soon alarmed."""
        self.machine.run("rm", "-rf", self.site)
        self.machine.run("mkdir", "-p", f"{self.site}/raw_videos", f"{self.site}/configs")
        (self.site_from_here / "configs/framed.yaml").write_text(_SETTINGS)
        self.machine.run("chown", "-R", "studio:studio", self.site)
        self.framed("install-service", "--root", self.site)
        drop_in = self.units / f"{FRAMED}.d/short-watchdog.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(_SHORT_WATCHDOG)
        self.systemctl("daemon-reload")
        self.systemctl("restart", FRAMED)

    def end(self) -> None:
        """Nothing of it is left for the next one, however the tests went."""
        if (self.units / FRAMED).exists():
            self.framed("install-service", "--remove")
        (self.units / f"{FRAMED}.d/short-watchdog.conf").unlink(missing_ok=True)
        self.machine.run("sh", "-c", f"kill $(cat {self.site}/notifications.pid)", check=False)

    def framed(self, verb: str, *words: str) -> str:
        kind = ("--user",) if self.is_users and verb == "install-service" else ()
        return self.machine.run("framed", verb, *kind, *words, user=self.user)

    def systemctl(self, *words: str) -> str:
        return self.machine.run("systemctl", *(["--user"] if self.is_users else []), *words, user=self.user)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def journal(self, *units: str) -> str:
        """What the units have said, and what their manager said of them; of both without a name."""
        fields = ("USER_UNIT", "_SYSTEMD_USER_UNIT") if self.is_users else ("UNIT", "_SYSTEMD_UNIT")
        matches = [f"{field}={unit}" for unit in units or (FRAMED, TMUX) for field in fields]
        words = [word for match in matches for word in (match, "+")][:-1]
        return self.machine.run("journalctl", "--no-pager", "--output=short-iso", *words)

    def add_film(self, path: Path) -> None:
        """It lies in the folder of the project onward."""
        folder = self.site_from_here / "raw_videos/onward"
        folder.mkdir()
        (folder / "onward.mkv").write_bytes(path.read_bytes())
        self.machine.run("chown", "-R", "studio:studio", f"{self.site}/raw_videos")

    def status(self) -> dict[str, Any]:
        """Of the project onward; empty when the daemon does not answer, or does not know it."""
        done = self.machine.attempt("framectl", "--root", self.site, "status", "--json", "onward", user="studio")
        return dict(json.loads(done.stdout)["projects"][0]) if done.returncode == 0 else {}

    def hold_film(self) -> int:
        """Its extractor's pid in there, once its worker is held: it goes on when `let_film_go_on` says so."""
        return until(self._held, "the film's worker is held", PATIENCE_S)

    def let_film_go_on(self, extractor: int) -> None:
        for worker in self._workers(extractor):
            self.machine.kill("CONT", worker)

    def same_film_runs(self, extractor: int) -> None:
        """The daemon of this moment knows that it runs, and it is the same process as ever."""
        until(lambda: self.status().get("state") == "RUNNING", "the daemon knows that the film runs", PATIENCE_S)
        assert self._extractor() == extractor
        self.machine.kill("0", extractor)

    def comes_back_after(self, trouble: Callable[[], object]) -> None:
        """Another daemon runs, without anybody's doing."""
        before = self.show(FRAMED, "MainPID")
        trouble()
        until(
            lambda: self.show(FRAMED, "MainPID") not in (before, "0") and self.show(FRAMED, "SubState") == "running",
            "it is started again",
            PATIENCE_S,
        )

    def show_notifications(self) -> Path:
        """From now on somebody shows them on studio's bus; returns the file that has them, from here."""
        (ROOT / "opt/notifications.py").write_bytes((HERE / "notifications.py").read_bytes())
        shown, ready = f"{self.site}/shown", f"{self.site}/notifications.log"
        command = f"exec /usr/bin/python3 /opt/notifications.py {shown} > {ready} 2>&1 < /dev/null"
        begin = f"setsid sh -c 'echo $$ > {self.site}/notifications.pid; {command}' &"
        self.machine.run("sh", "-c", begin, user="studio")
        log = ROOT / ready.lstrip("/")
        until(lambda: log.exists() and "ready" in log.read_text(), "somebody shows notifications", PATIENCE_S)
        return ROOT / shown.lstrip("/")

    def _extractor(self) -> int | None:
        control = self.site_from_here / "datasets/onward/.framed"
        records = sorted(control.glob("attempt-*.started.json")) if control.is_dir() else []
        return int(json.loads(records[-1].read_bytes())["process"]["pid"]) if records else None

    def _held(self) -> int | None:
        extractor = self._extractor()
        workers = self._workers(extractor) if extractor is not None else []
        for worker in workers:
            self.machine.kill("STOP", worker)
        return extractor if workers else None

    def _workers(self, extractor: int) -> list[str]:
        children = self.machine.run("cat", f"/proc/{extractor}/task/{extractor}/children", check=False).split()
        return [
            each for each in children if "spawn_main" in self.machine.run("cat", f"/proc/{each}/cmdline", check=False)
        ]
