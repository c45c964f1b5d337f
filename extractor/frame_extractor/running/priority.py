"""Standing back: other processes of the machine come first."""

from __future__ import annotations

import logging
import os

import psutil

from frame_extractor.contract import AttemptSpec

log = logging.getLogger("frame_extractor")


def stand_back(spec: AttemptSpec) -> None:
    """This thread, and every thread and process begun by it from now on, is as nice as the specification says.

    Never less nice than it was. What the system does not allow is logged, and not done.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, max(spec.nice, os.getpriority(os.PRIO_PROCESS, 0)))
        if spec.io_class == "idle":
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    except (OSError, psutil.Error) as failed:
        log.warning("priority stays as it is: %s", failed)
