"""framed as a service of a real systemd: one film, and all that may happen to the daemon meanwhile.

The steps build on each other: they are one evening of one machine, once with a service of the system and once with one
of a user's own.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.harness.films import FilmPlan, write_film
from tests.harness.until import until
from tests.service.installed_root import FRAMED, PATIENCE_S, TMUX, InstalledRoot

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def film(installed: InstalledRoot, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A film is being extracted; the pid of its extractor in there. Its worker is held until the last step."""
    plan = FilmPlan(n_frames=960, cuts=(40, 300, 700))
    installed.add_film(write_film(tmp_path_factory.mktemp("films") / "onward.mkv", plan))
    return installed.hold_film()


def test_units_have_little_to_attack(installed: InstalledRoot) -> None:
    """Every line is understood; the system's is, by systemd's own judgement, below 2.0 of 10."""
    installed.systemctl("cat", FRAMED, TMUX)
    kind = "--user" if installed.is_users else "--system"
    installed.machine.run("systemd-analyze", kind, "--man=no", "verify", FRAMED, TMUX, user=installed.user)
    if not installed.is_users:
        installed.machine.run("systemd-analyze", "security", "--offline=true", "--threshold=20", FRAMED)


def test_it_is_ready_when_its_socket_answers(installed: InstalledRoot) -> None:
    """`systemctl start` has come back, so the next command finds it without naming the root; its status is reported."""
    assert installed.show(FRAMED, "ActiveState") == "active"
    installed.machine.run("framectl", "status", user="studio")
    until(lambda: "slots" in installed.show(FRAMED, "StatusText"), "a status is reported", PATIENCE_S)


def test_doctor_finds_nothing_to_fix(installed: InstalledRoot) -> None:
    """Asked by the user it runs as: the units are what would be written, and the daemon answers."""
    printed = installed.machine.run("framed", "doctor", "--json", "--root", installed.site, user="studio")
    findings = json.loads(printed)["findings"]
    assert [each for each in findings if each["level"] != "ok"] == []
    services = [each["found"] for each in findings if each["check"] == "service"]
    assert len(services) == 2
    assert not any("another" in each for each in services)
    assert any(each["found"].startswith("notify-send on unix:path=/run/user/") for each in findings)


def test_extractor_has_neither_the_manager_s_socket_nor_a_place_in_the_daemon_s_unit(
    installed: InstalledRoot, film: int
) -> None:
    """It lives in the cgroup of framed-tmux, with an environment that holds nothing of the manager."""
    assert TMUX in installed.machine.run("cat", f"/proc/{film}/cgroup")
    assert "NOTIFY_SOCKET" not in installed.machine.run("sh", "-c", f"tr '\\0' '\\n' < /proc/{film}/environ")


def test_restart_of_the_daemon_stops_no_film(installed: InstalledRoot, film: int) -> None:
    """systemctl restart: another daemon, the same extractor."""
    before = installed.show(FRAMED, "MainPID")
    installed.systemctl("restart", FRAMED)
    assert installed.show(FRAMED, "MainPID") != before
    installed.same_film_runs(film)


def test_killed_daemon_is_started_again_and_stops_no_film(installed: InstalledRoot, film: int) -> None:
    """SIGKILL to the main process."""
    installed.comes_back_after(lambda: installed.systemctl("kill", "--kill-whom=main", "--signal=KILL", FRAMED))
    assert installed.show(FRAMED, "NRestarts") == "1"
    installed.same_film_runs(film)


def test_daemon_that_hangs_is_ended_by_the_watchdog_and_stops_no_film(installed: InstalledRoot, film: int) -> None:
    """SIGSTOP: it lives and says nothing more."""
    installed.comes_back_after(lambda: installed.systemctl("kill", "--kill-whom=main", "--signal=STOP", FRAMED))
    assert "Watchdog timeout" in installed.journal(FRAMED)
    installed.same_film_runs(film)


def test_stopped_daemon_stays_stopped_and_stops_no_film(installed: InstalledRoot, film: int) -> None:
    """systemctl stop is no failure."""
    installed.systemctl("stop", FRAMED)
    assert installed.show(FRAMED, "ActiveState") == "inactive"
    installed.machine.kill("0", film)
    installed.systemctl("start", FRAMED)
    installed.same_film_runs(film)


def test_film_completes_in_its_first_attempt_and_the_desktop_is_notified(installed: InstalledRoot, film: int) -> None:
    """Nothing was done twice, and nothing charged. Either kind of service finds the bus of the user it runs as."""
    shown = installed.show_notifications()
    installed.let_film_go_on(film)
    until(lambda: installed.status().get("state") == "COMPLETE", "the film is complete", PATIENCE_S)
    records = installed.machine.run(
        "sh", "-c", f"ls {installed.site}/datasets/onward/.framed/attempt-*.exit.json"
    ).split()
    assert len(records) == 1
    assert list((installed.site_from_here / "datasets/onward/frames").glob("*.jpg"))
    until(lambda: shown.exists() and "1 completed" in shown.read_text(), "the desktop shows it", PATIENCE_S)
    notification = json.loads(shown.read_text().splitlines()[0])
    assert notification["app"] == "framed"
    assert notification["body"].startswith("onward: complete, ")


def test_journal_has_priorities_and_the_file_has_times(installed: InstalledRoot) -> None:
    """The journal keeps times itself; framed's own file, which is rotated, is written as well."""
    journal = installed.journal(FRAMED)
    assert "job changed project=onward" in journal
    assert "<6>" not in journal
    assert "Z INFO job changed project=onward" in (installed.site_from_here / "state/framed.log").read_text()


def test_removal_leaves_no_unit_and_no_process(installed: InstalledRoot) -> None:
    """What the command has made it takes away."""
    installed.framed("install-service", "--remove")
    for unit in (FRAMED, TMUX):
        assert installed.show(unit, "ActiveState") == "inactive"
        assert not (installed.units / unit).exists()
    left = ("sh", "-c", "cat /proc/[0-9]*/comm | grep -E '^(tmux|framed)'")
    until(lambda: not installed.machine.run(*left, check=False), "none is left")
