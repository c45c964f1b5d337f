"""The only place where the clocks are read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from frame_extractor.contract.process import boot_id
from framed.model.job import Moment


def read_clocks() -> Moment:
    """Now, on every clock."""
    return Moment(utc=datetime.now(UTC), monotonic_s=time.monotonic(), boot_id=boot_id())
