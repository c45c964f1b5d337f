"""What Prometheus reads of the real daemon."""

from __future__ import annotations

import socket
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.site import SETTINGS, new_site
from tests.harness.until import until


def test_scrape_has_states_slots_and_disk() -> None:
    """In Prometheus' own format, read by its own parser."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with new_site(f"{SETTINGS}\nmetrics: {{listen: '127.0.0.1:{port}'}}\n") as site:
        site.film("onward")
        site.start()
        assert site.ctl("submit", "onward", "--wait").returncode == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            families = {each.name: each.samples for each in text_string_to_metric_families(answer.read().decode())}
    states = {sample.labels["state"]: sample.value for sample in families["framed_projects"]}
    assert states["complete"] == 1
    outcomes = {sample.labels["outcome"]: sample.value for sample in families["framed_attempts"]}
    assert outcomes == {"completed": 1, "failed": 0, "cancelled": 0, "retried": 0}
    assert families["framed_stalled_attempts"][0].value == 0
    assert 0 < families["framed_scan_duration_seconds"][0].value < 60
    assert sum(states.values()) == 1
    assert families["framed_slots"][0].value == 4
    assert families["framed_output_free_bytes"][0].value > 0
    assert families["framed_scan_age_seconds"][0].value < 60


def test_address_in_use_costs_the_metrics_and_nothing_else() -> None:
    """The films matter more."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        new_site(f"{SETTINGS}\nmetrics: {{listen: '127.0.0.1:{taken.getsockname()[1]}'}}\n") as site,
    ):
        site.start()
        log = site.root / "state" / "framed.log"
        until(lambda: "metrics cannot be served" in log.read_text())
        assert site.ctl("status").returncode == 0
