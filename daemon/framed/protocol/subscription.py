"""Messages of the `subscribe` verb, as types. No behaviour, no input or output."""

from __future__ import annotations

from typing import Annotated

import msgspec

from framed.protocol.messages import REPLY_SCHEMA, MachineStatus, ProjectStatus, SlotsStatus


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    projects: tuple[str, ...] = ()
    """Empty for all, also later ones."""
    instance: str = ""
    """Of the daemon whose `seq` is in `since`."""
    since: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] | None = None
    """The `seq` of the last event that was read; None to begin with everything."""


class SubscribeReply(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = REPLY_SCHEMA
    instance: str
    """Another one after each start of the daemon."""
    resumed: bool
    """Whether the first event has only what changed after `since`; else it has everything."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The state now: machine, slots and notices, and of the projects those that have changed."""

    seq: int
    """Increases with each event; numbers may be skipped."""
    lagged: int = 0
    """States that were skipped since the last event, because it was read late."""
    full: bool
    """Whether `projects` is complete: a client drops all others."""
    machine: MachineStatus
    slots: SlotsStatus
    draining: bool = False
    notices: tuple[str, ...] = ()
    projects: tuple[ProjectStatus, ...]
    """Those that are new or have changed."""
    removed: tuple[str, ...] = ()
    """Projects that no longer exist."""
