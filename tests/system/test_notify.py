"""`notify.command` under the real daemon: what it is given, and what a bad one costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.site import SETTINGS, Site, new_site
from tests.harness.until import until

COMMAND = ("sh", "-c", 'cat >> "$0"; echo >> "$0"')


@pytest.fixture
def site() -> Iterator[Site]:
    with new_site() as made:
        command = [*COMMAND, str(made.folder / "notifications")]
        settings = made.root / "configs" / "framed.yaml"
        settings.write_text(f"{SETTINGS}\nnotify:\n  at_most_every_s: 0.5\n  command: {json.dumps(command)}\n")
        yield made


def notifications(site: Site) -> list[dict[str, Any]]:
    file: Path = site.folder / "notifications"
    lines = file.read_text().splitlines() if file.exists() else []
    return [event for line in lines for event in json.loads(line)["events"]]


def test_jobs_that_end_together_are_notified_in_one_run_and_then_that_nothing_is_left(site: Site) -> None:
    """With what a message needs; the fake extractor makes no images."""
    site.film("onward")
    site.film("orion")
    site.start()
    assert site.ctl("submit", "onward,orion", "--wait").returncode == 0
    until(lambda: any(event["event"] == "queue_empty" for event in notifications(site)))
    completed = {event["project"]: event for event in notifications(site) if event["event"] == "completed"}
    assert sorted(completed) == ["onward", "orion"]
    assert completed["onward"]["output_dir"] == str(site.root / "datasets" / "onward" / "frames")


def test_stalled_attempt_is_notified_with_its_log_and_shown(site: Site) -> None:
    """The fake extractor says for ever that it is half-way; what else is wrong with it nobody can know."""
    settings = site.root / "configs" / "framed.yaml"
    settings.write_text(f"{settings.read_text()}  stalled_after_s: 0.5\n")
    site.film("onward", "run 600")
    site.start()
    assert site.ctl("submit", "onward").returncode == 0
    until(lambda: bool(notifications(site)))
    until(lambda: "no progress for" in site.ctl("status").stdout)
    # On a busy machine it takes longer than that to begin: then it stalls twice.
    assert {(each["event"], each["project"]) for each in notifications(site)} == {("stalled", "onward")}
    assert notifications(site)[0]["log"].endswith(".log")
    assert site.ctl("cancel", "onward").returncode == 0


def test_jobs_that_wait_for_disk_space_are_notified_with_what_they_wait_for(site: Site) -> None:
    """One message for both of them."""
    settings = site.root / "configs" / "framed.yaml"
    settings.write_text(settings.read_text().replace("budget: {", "budget: {disk_floor_gb: 900000, "))
    for project in ("onward", "orion"):
        site.film(project)
    site.start()
    assert site.ctl("submit", "onward,orion").returncode == 0
    until(lambda: bool(notifications(site)))
    assert [each["event"] for each in notifications(site)] == ["disk_low"]
    assert "disk low: needs" in notifications(site)[0]["reason"]
    settings.write_text(settings.read_text().replace("disk_floor_gb: 900000", "disk_floor_gb: 0"))
    assert site.ctl("reload").returncode == 0
    until(lambda: any(event["event"] == "queue_empty" for event in notifications(site)))
    assert [each["event"] for each in notifications(site)].count("disk_low") == 1


def test_command_that_cannot_be_run_costs_a_line_in_the_log(site: Site) -> None:
    """Not the daemon, nor a job."""
    settings = site.root / "configs" / "framed.yaml"
    settings.write_text(f"{SETTINGS}\nnotify: {{command: [/no/such/program]}}\n")
    site.film("onward")
    site.start()
    assert site.ctl("submit", "onward", "--wait").returncode == 0
    log = site.root / "state" / "framed.log"
    until(lambda: "notification failed" in log.read_text())
    assert site.ctl("status").returncode == 0
