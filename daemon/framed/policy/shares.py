"""How many worker processes there may be, and how many of them one project gets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from frame_extractor.cores import worker_budget
from framed.config import BudgetSettings


@dataclass(frozen=True)
class Budget:
    slots: int
    """Worker processes of all projects together."""
    max_active: int
    """Projects running at once."""


def budget(cores: int, settings: BudgetSettings) -> Budget:
    """The budget of a machine with so many usable cores (affinity and cgroup quota already counted)."""
    slots = worker_budget(cores) if settings.slots == "auto" else settings.slots
    max_active = max(1, slots // 4) if settings.max_active == "auto" else settings.max_active
    # Every running project has at least one worker, so more projects than slots could never run.
    return Budget(slots=slots, max_active=min(max_active, slots))


def share(asked: int | Literal["auto"], slots: int, n_active: int) -> int:
    """Workers of one project when `n_active` of them divide the slots among themselves; at least 1."""
    fair = max(1, slots // max(1, n_active))
    return fair if asked == "auto" else max(1, min(asked, fair))
