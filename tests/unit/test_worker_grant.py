"""What an attempt is granted, by the file and without it; and what a pause does to its figures."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from frame_extractor.attempt.progress import ProgressMeter
from frame_extractor.contract.attempt import AttemptSpec, Control, Stage
from frame_extractor.messages import progress_line
from frame_extractor.pipeline.film_progress import FilmProgress
from frame_extractor.workers import grant as grant_module
from frame_extractor.workers.grant import Grant, WorkerGrant


@pytest.mark.parametrize(
    ("content", "granted"),
    [
        (None, Grant(4)),
        (b"", Grant(4)),
        (b'{"attempt": 2, "workers": 1', Grant(4)),
        (b'{"attempt": 2, "workers": -1}', Grant(4)),
        (b'{"schema": 2, "attempt": 2, "workers": 1}', Grant(4)),
        (msgspec.json.encode(Control(attempt=1, serial=9, workers=1, paused=True)), Grant(4)),
        (msgspec.json.encode(Control(attempt=2, serial=1, workers=1)), Grant(1, serial=1)),
        (msgspec.json.encode(Control(attempt=2, serial=2, workers=9)), Grant(9, serial=2)),
        (msgspec.json.encode(Control(attempt=2, serial=3, workers=3, paused=True)), Grant(3, paused=True, serial=3)),
    ],
)
def test_only_a_complete_file_for_this_attempt_counts(tmp_path: Path, content: bytes | None, granted: Grant) -> None:
    """Missing, damaged, of a later framed or of the attempt before: then the specification's number holds."""
    file = tmp_path / "control.json"
    if content is not None:
        file.write_bytes(content)
    worker_grant = WorkerGrant(4, control=file, attempt=2)
    assert worker_grant.granted == granted
    assert worker_grant.granted.at_work == (0 if granted.paused else granted.workers)


def test_file_is_not_read_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred chunks may end in a second."""
    file = tmp_path / "control.json"
    worker_grant = WorkerGrant(4, control=file, attempt=2)
    monkeypatch.setattr(grant_module, "READ_EVERY_S", 1e9)
    assert worker_grant.granted == Grant(4)
    file.write_bytes(msgspec.json.encode(Control(attempt=2, serial=1, workers=1)))
    assert worker_grant.granted == Grant(4)
    monkeypatch.setattr(grant_module, "READ_EVERY_S", 0.0)
    assert worker_grant.granted == Grant(1, serial=1)


def test_pause_is_no_part_of_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of film in ten of work, with an hour's pause between: realtime, and no forecast while it lasts."""
    monkeypatch.setattr(grant_module, "READ_EVERY_S", -1e9)
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    file = tmp_path / "control.json"
    spec = AttemptSpec(project="onward", job_id="j", attempt=2, films=("a.mkv",), frames_dir="/f", workers=4)
    worker_grant = WorkerGrant(4, control=file, attempt=2)
    meter = ProgressMeter(spec, worker_grant)
    meter.expect(20.0, 0)
    meter.begin("a.mkv", 1, 20.0)
    worker_grant.at_work = 4
    now_s[0] += 10
    meter.report(FilmProgress(stage=Stage.SCANNING, fraction=0.5, images=5))
    running = meter.snapshot()
    assert (running.workers, running.control_serial_seen, running.paused, running.eta_s) == (4, 0, False, 10.0)
    file.write_bytes(msgspec.json.encode(Control(attempt=2, serial=7, workers=4, paused=True)))
    worker_grant.at_work = 0
    paused = meter.snapshot()
    for _ in range(3600):
        now_s[0] += 1
        paused = meter.snapshot()
    assert (paused.workers, paused.control_serial_seen, paused.paused, paused.eta_s) == (0, 7, True, None)
    assert paused.realtime_factor == pytest.approx(1.0)
    assert "paused" in progress_line(paused)
    file.unlink()
    worker_grant.at_work = 4
    going = meter.snapshot()
    assert going.eta_s == pytest.approx(10.0)
    assert going.realtime_factor == pytest.approx(1.0)
