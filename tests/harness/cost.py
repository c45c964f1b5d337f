"""What a command costs, in seconds of the processor: a busy machine does not lengthen them as it does the wall's."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Final

_TRIES: Final = 20


def children_cpu_s() -> float:
    """All that this process has waited for has used so much, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def is_within(limit_s: float, run: Callable[[], object], cpu_s: Callable[[], float] = children_cpu_s) -> bool:
    """Whether it can be had for less than that: the first run that shows it is enough, as caches and a shared core
    lengthen some.
    """
    for _ in range(_TRIES):
        before_s = cpu_s()
        run()
        if cpu_s() - before_s < limit_s:
            return True
    return False
