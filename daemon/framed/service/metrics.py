"""Metrics for Prometheus, served on the address in `metrics.listen`. Off unless it is set.

A scrape runs in a thread of its own; the values are collected in the event loop, so that they are consistent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from framed.attempts.reports import AttemptReports
from framed.attempts.stalls import StallDetector
from framed.control.status_reporter import StatusReporter
from framed.host.clock import read_clocks
from framed.log import fields
from framed.model.job import Queued
from framed.protocol.messages import ProjectState
from framed.state.ledger import Ledger
from framed.watching.watch import Watcher

_log: Final = logging.getLogger(__name__)

_ANSWER_S: Final = 5.0


class Metrics(Collector):
    """Collects the values for each scrape; keeps nothing."""

    def __init__(
        self,
        *,
        status_reporter: StatusReporter,
        ledger: Ledger,
        watcher: Watcher,
        reports: AttemptReports,
        stalls: StallDetector,
    ) -> None:
        """Must be called in the event loop."""
        self._status_reporter = status_reporter
        self._ledger = ledger
        self._watcher = watcher
        self._reports = reports
        self._stalls = stalls
        self._loop = asyncio.get_running_loop()

    def serve(self, listen: str) -> None:
        """Serves scrapes on `listen` (`host:port`); a failure is logged."""
        host, _, port = listen.rpartition(":")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            start_http_server(int(port), addr=host.strip("[]") or "127.0.0.1", registry=registry)
        except (OSError, ValueError, OverflowError) as failed:
            _log.error("metrics cannot be served", extra=fields(listen=listen, why=failed))
        else:
            _log.info("metrics are served", extra=fields(listen=listen))

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        """Raises TimeoutError when the daemon does not answer; the scrape then fails."""
        return asyncio.run_coroutine_threadsafe(self._in_loop(), self._loop).result(_ANSWER_S)

    async def _in_loop(self) -> list[Metric]:
        return list(self._metrics())

    def _metrics(self) -> Iterator[Metric]:
        status = self._status_reporter.status()
        states = Counter(project.state for project in status.projects)
        projects = GaugeMetricFamily("framed_projects", "Projects by state.", labels=["state"])
        for state in ProjectState:
            projects.add_metric([state.value.lower()], states[state])
        yield projects
        attempts = CounterMetricFamily(
            "framed_attempts",
            "Attempts that have ended since the daemon started, by outcome.",
            labels=["outcome"],
        )
        for outcome, n_attempts in sorted(self._reports.n_ended.items()):
            attempts.add_metric([outcome], n_attempts)
        yield attempts
        yield _gauge("framed_stalled_attempts", "Running attempts without progress.", self._stalls.n_stalled)
        yield _gauge("framed_images", "Images on disk, all projects.", sum(p.frames for p in status.projects))
        decode = GaugeMetricFamily(
            "framed_decode_realtime_ratio",
            "Seconds of film decoded per second, for running projects.",
            labels=["project"],
        )
        for project in status.projects:
            if project.state is ProjectState.RUNNING and project.realtime_factor is not None:
                decode.add_metric([project.name], project.realtime_factor)
        yield decode
        yield _gauge("framed_slots", "Worker processes allowed.", status.slots.total)
        yield _gauge("framed_slots_used", "Worker processes granted.", status.slots.used)
        yield _gauge(
            "framed_queue_oldest_age_seconds", "Age of the longest waiting job; 0 for none.", self._queue_age_s()
        )
        yield _gauge(
            "framed_scan_age_seconds",
            "Time since the last scan of raw_videos ended.",
            time.monotonic() - self._watcher.scanned_at_s,
        )
        yield _gauge(
            "framed_scan_duration_seconds",
            "Duration of the last scan of raw_videos.",
            self._watcher.scan_took_s,
        )
        free_bytes = status.machine.output_free_bytes
        if free_bytes is not None:
            yield _gauge("framed_output_free_bytes", "Free space on the disk of datasets.", free_bytes)

    def _queue_age_s(self) -> float:
        now = read_clocks().utc
        waiting = (job.state.since for job in self._ledger.open_jobs() if isinstance(job.state, Queued))
        return max(((now - since).total_seconds() for since in waiting), default=0.0)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
