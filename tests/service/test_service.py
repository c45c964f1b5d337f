"""framed as a service of a real systemd: one film, and all that may happen to the daemon meanwhile.

The steps build on each other: they are one evening of one machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.fakes.root import until
from tests.films import FilmPlan, write_film
from tests.service.machine import BUILD, ROOT, Machine, booted, make_root

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.timeout(900)]

FRAMED: Final = "framed.service"
TMUX: Final = "framed-tmux.service"
SITE: Final = "/home/studio/films"
PATIENCE_S: Final = 60.0
SETTINGS: Final = """\
budget: {slots: 1, memory_floor_gb: 0}
watch: {scan_interval_s: 0.5, settle_s: 0.5, settle_scans: 2}
"""
SHORT_WATCHDOG: Final = "[Service]\nWatchdogSec=6\nTimeoutAbortSec=3\n"


@pytest.fixture(scope="module")
def machine(pytestconfig: pytest.Config) -> Iterator[Machine]:
    """framed is installed there as a service of the system, for a root that belongs to the user studio."""
    if not pytestconfig.getoption("--boot"):
        pytest.skip("boots a system: make service-test")
    make_root()
    with booted() as machine:
        machine.run("rm", "-rf", SITE)
        machine.run("mkdir", "-p", f"{SITE}/raw_videos", f"{SITE}/configs")
        (ROOT / SITE.lstrip("/") / "configs/framed.yaml").write_text(SETTINGS)
        machine.run("chown", "-R", "studio:studio", SITE)
        machine.run("framed", "install-service", "--root", SITE)
        drop_in = ROOT / "etc/systemd/system/framed.service.d/short-watchdog.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(SHORT_WATCHDOG)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", FRAMED)
        try:
            yield machine
        finally:
            told = machine.run("journalctl", "--no-pager", "--output=short-iso", f"--unit={FRAMED}", f"--unit={TMUX}")
            (BUILD / "journal.log").write_text(told + "\n")


@pytest.fixture(scope="module")
def film(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A film is being extracted; the pid of its extractor in there. Its worker is held until the last step."""
    path = write_film(tmp_path_factory.mktemp("films") / "onward.mkv", FilmPlan(n_frames=960, cuts=(40, 300, 700)))
    folder = ROOT / SITE.lstrip("/") / "raw_videos/onward"
    folder.mkdir()
    (folder / "onward.mkv").write_bytes(path.read_bytes())
    machine.run("chown", "-R", "studio:studio", f"{SITE}/raw_videos")
    return until(lambda: _held(machine), "the film's worker is held", PATIENCE_S)


def test_units_have_little_to_attack(machine: Machine) -> None:
    """By systemd's own judgement below 2.0; 10 is a unit without any protection. And every line is understood."""
    machine.run("systemd-analyze", "security", "--offline=true", "--threshold=20", FRAMED)
    machine.run("systemd-analyze", "verify", FRAMED, TMUX)


def test_it_is_ready_when_its_socket_answers(machine: Machine) -> None:
    """`systemctl start` has come back, so the next command finds it; and its status is told."""
    assert machine.show(FRAMED, "ActiveState") == "active"
    machine.run("framectl", "--root", SITE, "status", user="studio")
    until(lambda: "slots" in machine.show(FRAMED, "StatusText"), "a status is told", PATIENCE_S)


def test_extractor_has_neither_the_manager_s_socket_nor_a_place_in_the_daemon_s_unit(
    machine: Machine, film: int
) -> None:
    """It lives in the cgroup of framed-tmux, with an environment that holds nothing of the manager."""
    assert TMUX in machine.run("cat", f"/proc/{film}/cgroup")
    assert "NOTIFY_SOCKET" not in machine.run("sh", "-c", f"tr '\\0' '\\n' < /proc/{film}/environ")


def test_restart_of_the_daemon_stops_no_film(machine: Machine, film: int) -> None:
    """systemctl restart: another daemon, the same extractor."""
    before = machine.show(FRAMED, "MainPID")
    machine.run("systemctl", "restart", FRAMED)
    assert machine.show(FRAMED, "MainPID") != before
    _same_film_runs(machine, film)


def test_killed_daemon_is_started_again_and_stops_no_film(machine: Machine, film: int) -> None:
    """SIGKILL to the main process."""
    _comes_back_after(machine, lambda: machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", FRAMED))
    assert machine.show(FRAMED, "NRestarts") == "1"
    _same_film_runs(machine, film)


def test_daemon_that_hangs_is_ended_by_the_watchdog_and_stops_no_film(machine: Machine, film: int) -> None:
    """SIGSTOP: it lives and says nothing more."""
    _comes_back_after(machine, lambda: machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", FRAMED))
    assert "Watchdog timeout" in machine.journal(FRAMED)
    _same_film_runs(machine, film)


def test_stopped_daemon_stays_stopped_and_stops_no_film(machine: Machine, film: int) -> None:
    """systemctl stop is no failure."""
    machine.run("systemctl", "stop", FRAMED)
    assert machine.show(FRAMED, "ActiveState") == "inactive"
    machine.kill("0", film)
    machine.run("systemctl", "start", FRAMED)
    _same_film_runs(machine, film)


def test_film_completes_in_its_first_attempt_after_all_that(machine: Machine, film: int) -> None:
    """Nothing was done twice, and nothing charged."""
    for worker in _workers(machine, film):
        machine.kill("CONT", worker)
    until(lambda: _state(machine) == "COMPLETE", "the film is complete", PATIENCE_S)
    records = machine.run("sh", "-c", f"ls {SITE}/datasets/onward/.framed/attempt-*.exit.json").split()
    assert len(records) == 1
    assert machine.run("sh", "-c", f"ls {SITE}/datasets/onward/frames/*.jpg | wc -l") != "0"


def test_removal_leaves_no_unit_and_no_process(machine: Machine, film: int) -> None:
    """What the command has made it takes away."""
    machine.run("framed", "install-service", "--remove")
    for unit in (FRAMED, TMUX):
        assert machine.show(unit, "ActiveState") == "inactive"
        assert not (ROOT / "etc/systemd/system" / unit).exists()
    left = ("sh", "-c", "cat /proc/[0-9]*/comm | grep -E '^(tmux|framed)'")
    until(lambda: not machine.run(*left, check=False), "none is left")


def _same_film_runs(machine: Machine, film: int) -> None:
    until(lambda: _state(machine) == "RUNNING", "the daemon knows that the film runs", PATIENCE_S)
    assert _extractor(machine) == film
    machine.kill("0", film)


def _comes_back_after(machine: Machine, trouble: Callable[[], object]) -> None:
    before = machine.show(FRAMED, "MainPID")
    trouble()
    until(
        lambda: machine.show(FRAMED, "MainPID") not in (before, "0") and machine.show(FRAMED, "SubState") == "running",
        "it is started again",
        PATIENCE_S,
    )


def _state(machine: Machine) -> str:
    done = machine.attempt("framectl", "--root", SITE, "status", "--json", "onward", user="studio")
    return str(json.loads(done.stdout)["projects"][0]["state"]) if done.returncode == 0 else ""


def _extractor(machine: Machine) -> int | None:
    control = ROOT / SITE.lstrip("/") / "datasets/onward/.framed"
    records = sorted(control.glob("attempt-*.started.json")) if control.is_dir() else []
    return int(json.loads(records[-1].read_bytes())["process"]["pid"]) if records else None


def _held(machine: Machine) -> int | None:
    extractor = _extractor(machine)
    workers = _workers(machine, extractor) if extractor is not None else []
    for worker in workers:
        machine.kill("STOP", worker)
    return extractor if workers else None


def _workers(machine: Machine, extractor: int) -> list[str]:
    children = machine.run("cat", f"/proc/{extractor}/task/{extractor}/children", check=False).split()
    return [each for each in children if "spawn_main" in machine.run("cat", f"/proc/{each}/cmdline", check=False)]
