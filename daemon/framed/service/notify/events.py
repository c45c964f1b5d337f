"""The contents of notifications: JSON for a command, text for a person."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Final

import msgspec

from frame_extractor.contract.quantities import count
from framed.model.job import Complete, Failed, Job

_SHOWN: Final = 6
"""Events that are listed; of more, these and the number of the others."""


class What(Enum):
    COMPLETED = "completed"
    FAILED = "failed"
    STALLED = "stalled"
    """A running attempt makes no progress; sent once, and again only after it has made progress."""
    DISK_LOW = "disk_low"
    """Jobs wait for free space; sent once, and again only after no job waited."""
    QUEUE_EMPTY = "queue_empty"
    """Nothing runs and nothing waits."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event."""

    event: What
    project: str | None = None
    """None when it is about more than one."""
    reason: str | None = None
    """In one line; of all events but `completed` and `queue_empty`."""
    frames: int = 0
    """Number of images of the project, of `completed`."""
    output_dir: str | None = None
    log: str | None = None

    @property
    def text(self) -> str:
        """One line for a person."""
        match self.event:
            case What.COMPLETED:
                return f"{self.project}: complete, {count(self.frames, 'image')}"
            case What.FAILED:
                return f"{self.project}: failed, {self.reason}"
            case What.STALLED:
                return f"{self.project}: {self.reason}"
            case What.DISK_LOW:
                assert self.reason is not None
                return self.reason
            case What.QUEUE_EMPTY:
                return "all jobs have ended"


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """The document that the command reads."""

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
    """The event for a job that has ended; None for a cancelled one, because a user wanted that."""
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
