"""What is told, as JSON for a command and as words for a person."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Final

import msgspec

from framed.model.job import Complete, Failed, Job

_SHOWN: Final = 6
"""Events that a person reads one by one; of more, these and how many."""


class What(Enum):
    COMPLETED = "completed"
    FAILED = "failed"
    STALLED = "stalled"
    """A running attempt stands still; told once, and again only after it had gone on."""
    DISK_LOW = "disk_low"
    """Jobs have begun to wait for room; told again only after none waited."""
    QUEUE_EMPTY = "queue_empty"
    """Nothing runs and nothing waits."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that has happened."""

    event: What
    project: str = ""
    reason: str = ""
    """Of all but `completed` and `queue_empty`, in one line."""
    frames: int = 0
    """Of `completed`: images of the project."""
    output_dir: str = ""
    log: str = ""

    @property
    def text(self) -> str:
        """One line for a person."""
        match self.event:
            case What.COMPLETED:
                return f"{self.project}: complete, {self.frames} image{'s' * (self.frames != 1)}"
            case What.FAILED:
                return f"{self.project}: failed, {self.reason}"
            case What.STALLED:
                return f"{self.project}: {self.reason}"
            case What.DISK_LOW:
                return self.reason
            case What.QUEUE_EMPTY:
                return "nothing is left to do"


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What the command reads."""

    schema: int = 1
    events: tuple[Event, ...]

    @property
    def title(self) -> str:
        """`framed: 3 completed, 1 failed`."""
        counts = Counter(event.event for event in self.events if event.event is not What.QUEUE_EMPTY)
        found = [f"{counts[each]} {each.value}" for each in _COUNTED if counts[each]]
        if counts[What.DISK_LOW]:
            found.append("disk low")
        return f"framed: {', '.join(found) or 'done'}"

    @property
    def lines(self) -> tuple[str, ...]:
        """A few lines for a person."""
        words = tuple(event.text for event in self.events)
        return words if len(words) <= _SHOWN else (*words[:_SHOWN], f"and {len(words) - _SHOWN} more")


_COUNTED: Final = (What.COMPLETED, What.FAILED, What.STALLED)


def of_end(job: Job) -> Event | None:
    """Of a job that has ended; None for a cancelled one, which was somebody's wish."""
    match job.state:
        case Complete(outcome=outcome):
            return Event(
                event=What.COMPLETED,
                project=job.project,
                frames=outcome.images,
                output_dir=job.options.frames_dir,
                log=job.log_path,
            )
        case Failed(outcome=outcome):
            return Event(event=What.FAILED, project=job.project, reason=outcome.summary, log=job.log_path)
        case _:
            return None
