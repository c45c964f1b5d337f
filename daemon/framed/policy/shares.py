"""The budget of worker processes, and the share of each project. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from frame_extractor.contract.cores import worker_budget
from framed.policy.memory import GB, floor_bytes
from framed.settings.config import BudgetSettings


@dataclass(frozen=True)
class Budget:
    slots: int
    """Worker processes of all projects together."""
    max_active: int
    """Projects running at once."""


def budget(cores: int, memory_bytes: int, settings: BudgetSettings) -> Budget:
    """The budget for that many usable cores and that much memory (within affinity and cgroup limits)."""
    if settings.slots == "auto":
        for_workers = memory_bytes - floor_bytes(memory_bytes, settings.memory_floor_gb)
        slots = max(1, min(worker_budget(cores), int(for_workers / (settings.memory_per_worker_gb * GB))))
    else:
        slots = settings.slots
    max_active = max(1, slots // 4) if settings.max_active == "auto" else settings.max_active
    # Every running project has at least one worker, so more projects than slots could never run.
    return Budget(slots=slots, max_active=min(max_active, slots))


def share(asked: int | Literal["auto"], slots: int, n_active: int) -> int:
    """Workers of one project when `n_active` of them divide the slots among themselves; at least 1."""
    fair = max(1, slots // max(1, n_active))
    return fair if asked == "auto" else max(1, min(asked, fair))


@dataclass(frozen=True)
class Claim:
    """One active project."""

    asked: int | Literal["auto"]
    fixed: int = 0
    """Slots that it cannot release for now; 0 when it can."""


def shares(claims: Mapping[str, Claim], slots: int) -> dict[str, int]:
    """The share of each. Slots that a project cannot release are not divided among the others."""
    n_active = len(claims)
    given = {name: share(claim.asked, slots, n_active) for name, claim in claims.items()}
    stuck = {name: claim.fixed for name, claim in claims.items() if claim.fixed > given[name]}
    if stuck:
        rest, n_others = slots - sum(stuck.values()), n_active - len(stuck)
        given |= {name: share(claim.asked, rest, n_others) for name, claim in claims.items() if name not in stuck}
    return given
