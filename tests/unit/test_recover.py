"""What the records of an output folder say of a job, when the database that knew it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest

from frame_extractor.contract.attempt import AttemptSpec, ExitRecord, StartedRecord
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from framed.attempts.recover import recover
from framed.model.job import Ending, Running
from framed.settings.config import Settings
from framed.settings.places import Places, load_places

_AT: Final = "2026-11-30T12:00:00+00:00"


@dataclass(frozen=True)
class Left:
    """What one attempt has left; None: it never wrote that it began, or how it ended."""

    boot: str | None = "boot"
    code: ExitCode | None = None


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return load_places(tmp_path, {})


def write(places: Places, attempts: Sequence[Left]) -> None:
    layout = OutputLayout(places.frames_dir("onward"))
    layout.control.mkdir(parents=True)
    for number, left in enumerate(attempts, 1):
        spec = AttemptSpec(
            project="onward", job_id="job", attempt=number, films=(), frames_dir=str(layout.frames_dir)
        )  # fmt: skip
        layout.spec(number).write_bytes(msgspec.json.encode(spec))
        if left.boot is not None:
            process = ProcessIdentity(pid=1 << 30, started_at_ticks=1, boot_id=left.boot)
            started = StartedRecord(job_id="job", attempt=number, process=process, started_at=_AT)
            layout.started(number).write_bytes(msgspec.json.encode(started))
        if left.code is not None:
            ended = ExitRecord(
                job_id="job", attempt=number, code=left.code, reason="", images=0, wall_s=1.0, ended_at=_AT
            )
            layout.exit(number).write_bytes(msgspec.json.encode(ended))


@pytest.mark.parametrize(
    ("first", "ending", "is_counted"),
    [
        (Left(code=ExitCode.OUTPUT_NOT_WRITTEN), Ending.EXITED, True),
        (Left(), Ending.CRASHED, True),
        (Left(code=ExitCode.DISK_FULL), Ending.EXITED, False),
        (Left(boot="an earlier boot"), Ending.LOST, False),
        (Left(code=ExitCode.TERMINATED), Ending.LOST, False),
        (Left(boot=None), Ending.LOST, False),
    ],
)
def test_attempts_that_were_lost_before_the_last_one_are_not_counted(
    places: Places, first: Left, ending: Ending, *, is_counted: bool
) -> None:
    """As they were not when they ended: with the machine, with their tmux server, or before they began."""
    write(places, [first, Left()])
    found = recover(places, Settings(), session_name=str, host=None)
    (job,) = found.jobs
    assert isinstance(job.state, Running)
    (earlier,) = (each for each in job.attempts if each.number == 1)
    assert earlier.outcome is not None
    assert earlier.outcome.ending is ending
    assert (job.failures, job.state.attempt.ordinal) == (int(is_counted), 1 + is_counted)
