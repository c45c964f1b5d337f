"""Jobs, attempts and moments for tests of pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from frame_extractor.contract.attempt import Progress, Stage
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.settings import ExtractionSettings
from framed.model.job import Attempt, Ending, Job, Moment, Options, Outcome, Queued
from framed.state.replies import KeptReply

BOOT: Final = "this-boot"
PROGRESS: Final = Progress(
    attempt=1, stage=Stage.SCANNING, film="a", film_number=1, n_films=1, fraction=0.5, film_seconds_done=1,
    film_seconds_total=2, images=1, workers=6, elapsed_s=1, eta_s=1, realtime_factor=1, images_per_s=1, updated_at="",
)  # fmt: skip
"""Of a running attempt, half-way."""
_BEGINNING: Final = datetime(2025, 11, 15, 14, 30, tzinfo=UTC)


def moment(second: float = 0.0, *, boot_id: str = BOOT) -> Moment:
    return Moment(utc=_BEGINNING + timedelta(seconds=second), monotonic_s=1000.0 + second, boot_id=boot_id)


def options(**changes: Any) -> Options:
    plain = Options(extraction=ExtractionSettings(), workers=12, retry=3, frames_dir="/datasets/onward/frames")
    return msgspec.structs.replace(plain, **changes)


def job(**changes: Any) -> Job:
    plain = Job(
        id="j1",
        project="onward",
        order=1,
        by="user",
        options=options(),
        submitted=moment(),
        log_path="/logs/onward.log",
        state=Queued(since=moment().utc),
    )
    return msgspec.structs.replace(plain, **changes)


def attempt(**changes: Any) -> Attempt:
    plain = Attempt(
        number=1,
        ordinal=1,
        workers=4,
        session="frame_extraction_onward",
        host=process(pid=100),
        boot_id=BOOT,
        started_at=moment().utc,
    )
    return msgspec.structs.replace(plain, **changes)


def outcome(code: int | None = None, ending: Ending = Ending.EXITED, **changes: Any) -> Outcome:
    return Outcome(ending=ending, code=code, ended_at=moment().utc, **changes)


def kept_reply(key: str, reply: bytes = b"{}", *, verb: str | None = "submit", second: float = 0.0) -> KeptReply:
    return KeptReply(key=key, verb=verb, reply=reply, answered_at=moment(second).utc)


def process(pid: int, *, ticks: int = 5) -> ProcessIdentity:
    return ProcessIdentity(pid=pid, started_at_ticks=ticks, boot_id=BOOT)
