"""Lowers the priority of this process, so that other processes of the machine come first."""

from __future__ import annotations

import logging
import os

import psutil

from frame_extractor.contract.attempt import AttemptSpec

log = logging.getLogger("frame_extractor")


def lower_priority(spec: AttemptSpec) -> None:
    """Every thread of this process, and what they start from now on, has the priority that the specification says.

    On Linux a priority belongs to a thread, and the screen has one by now. It is never raised. What the system does not
    allow is logged, and not done.
    """
    try:
        for thread in (int(name) for name in os.listdir("/proc/self/task")):
            os.setpriority(os.PRIO_PROCESS, thread, max(spec.nice, os.getpriority(os.PRIO_PROCESS, thread)))
            if spec.io_class == "idle":
                psutil.Process(thread).ionice(psutil.IOPRIO_CLASS_IDLE)
    except (OSError, psutil.Error) as failed:
        log.warning("priority stays as it is: %s", failed)
