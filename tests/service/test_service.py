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
from tests.service.evening import FRAMED, PATIENCE_S, TMUX, Evening

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def film(evening: Evening, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A film is being extracted; the pid of its extractor in there. Its worker is held until the last step."""
    plan = FilmPlan(n_frames=960, cuts=(40, 300, 700))
    evening.add_film(write_film(tmp_path_factory.mktemp("films") / "onward.mkv", plan))
    return evening.hold_film()


def test_units_have_little_to_attack(evening: Evening) -> None:
    """Every line is understood; the system's is, by systemd's own judgement, below 2.0 of 10."""
    evening.systemctl("cat", FRAMED, TMUX)
    kind = "--user" if evening.is_users else "--system"
    evening.machine.run("systemd-analyze", kind, "--man=no", "verify", FRAMED, TMUX, user=evening.user)
    if not evening.is_users:
        evening.machine.run("systemd-analyze", "security", "--offline=true", "--threshold=20", FRAMED)


def test_it_is_ready_when_its_socket_answers(evening: Evening) -> None:
    """`systemctl start` has come back, so the next command finds it, with no word of the root; its status is told."""
    assert evening.show(FRAMED, "ActiveState") == "active"
    evening.machine.run("framectl", "status", user="studio")
    until(lambda: "slots" in evening.show(FRAMED, "StatusText"), "a status is told", PATIENCE_S)


def test_doctor_finds_nothing_to_mend(evening: Evening) -> None:
    """Asked by the user it runs as: the units are what would be written, and the daemon answers."""
    told = evening.machine.run("framed", "doctor", "--json", "--root", evening.site, user="studio")
    findings = json.loads(told)["findings"]
    assert [each for each in findings if each["level"] != "ok"] == []
    services = [each["found"] for each in findings if each["check"] == "service"]
    assert len(services) == 2
    assert not any("another" in each for each in services)
    assert any(each["found"].startswith("notify-send on unix:path=/run/user/") for each in findings)


def test_extractor_has_neither_the_manager_s_socket_nor_a_place_in_the_daemon_s_unit(
    evening: Evening, film: int
) -> None:
    """It lives in the cgroup of framed-tmux, with an environment that holds nothing of the manager."""
    assert TMUX in evening.machine.run("cat", f"/proc/{film}/cgroup")
    assert "NOTIFY_SOCKET" not in evening.machine.run("sh", "-c", f"tr '\\0' '\\n' < /proc/{film}/environ")


def test_restart_of_the_daemon_stops_no_film(evening: Evening, film: int) -> None:
    """systemctl restart: another daemon, the same extractor."""
    before = evening.show(FRAMED, "MainPID")
    evening.systemctl("restart", FRAMED)
    assert evening.show(FRAMED, "MainPID") != before
    evening.same_film_runs(film)


def test_killed_daemon_is_started_again_and_stops_no_film(evening: Evening, film: int) -> None:
    """SIGKILL to the main process."""
    evening.comes_back_after(lambda: evening.systemctl("kill", "--kill-whom=main", "--signal=KILL", FRAMED))
    assert evening.show(FRAMED, "NRestarts") == "1"
    evening.same_film_runs(film)


def test_daemon_that_hangs_is_ended_by_the_watchdog_and_stops_no_film(evening: Evening, film: int) -> None:
    """SIGSTOP: it lives and says nothing more."""
    evening.comes_back_after(lambda: evening.systemctl("kill", "--kill-whom=main", "--signal=STOP", FRAMED))
    assert "Watchdog timeout" in evening.journal(FRAMED)
    evening.same_film_runs(film)


def test_stopped_daemon_stays_stopped_and_stops_no_film(evening: Evening, film: int) -> None:
    """systemctl stop is no failure."""
    evening.systemctl("stop", FRAMED)
    assert evening.show(FRAMED, "ActiveState") == "inactive"
    evening.machine.kill("0", film)
    evening.systemctl("start", FRAMED)
    evening.same_film_runs(film)


def test_film_completes_in_its_first_attempt_and_the_desktop_is_told(evening: Evening, film: int) -> None:
    """Nothing was done twice, and nothing charged. Either kind of service finds the bus of the user it runs as."""
    shown = evening.show_notifications()
    evening.let_film_go_on(film)
    until(lambda: evening.status().get("state") == "COMPLETE", "the film is complete", PATIENCE_S)
    records = evening.machine.run("sh", "-c", f"ls {evening.site}/datasets/onward/.framed/attempt-*.exit.json").split()
    assert len(records) == 1
    assert list((evening.site_from_here / "datasets/onward/frames").glob("*.jpg"))
    until(lambda: shown.exists() and "1 completed" in shown.read_text(), "the desktop shows it", PATIENCE_S)
    notification = json.loads(shown.read_text().splitlines()[0])
    assert notification["app"] == "framed"
    assert notification["body"].startswith("onward: complete, ")


def test_journal_has_priorities_and_the_file_has_times(evening: Evening) -> None:
    """The journal keeps times itself; framed's own file, which is rotated, is written as well."""
    told = evening.journal(FRAMED)
    assert "job changed project=onward" in told
    assert "<6>" not in told
    assert "Z INFO job changed project=onward" in (evening.site_from_here / "state/framed.log").read_text()


def test_removal_leaves_no_unit_and_no_process(evening: Evening) -> None:
    """What the command has made it takes away."""
    evening.framed("install-service", "--remove")
    for unit in (FRAMED, TMUX):
        assert evening.show(unit, "ActiveState") == "inactive"
        assert not (evening.units / unit).exists()
    left = ("sh", "-c", "cat /proc/[0-9]*/comm | grep -E '^(tmux|framed)'")
    until(lambda: not evening.machine.run(*left, check=False), "none is left")
