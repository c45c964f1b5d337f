"""JSON documents that `framectl` prints and that are no replies of the protocol, as types. No behaviour."""

from __future__ import annotations

from typing import Final

import msgspec

from framed.protocol.messages import HelloReply, ProjectStatus, SubmitOutcome
from framed.protocol.queries import SettingFacts

DOCUMENT_SCHEMA: Final = 1


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """`framectl wait --json`, and `submit --wait --json`."""

    schema: int = DOCUMENT_SCHEMA
    exit_code: int
    """That of the command: 0 all complete, 1 one failed, 7 one was cancelled, 4 one has no film, 124 time-out."""
    projects: tuple[ProjectStatus, ...]
    """As they were last seen, in the order asked for."""


class PlannedFilm(msgspec.Struct, frozen=True, kw_only=True):
    """One film of a dry run."""

    name: str
    path: str
    size_bytes: int
    is_extracted: bool
    """With these settings: then it would be skipped, and there is no estimate."""
    removed: int = 0
    """Images of an extracted film that the user has removed: `--restore` makes them again."""
    images: int | None = None
    """An estimate; null where it would be skipped, or would fail."""
    image_bytes: int | None = None
    wall_s: float | None = None
    error: str = ""
    """Why it would fail; empty when no reason is known."""


class PlannedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project of a dry run."""

    name: str
    settings: tuple[SettingFacts, ...]
    workers: int
    """The grant when no other project runs."""
    output_dir: str
    films: tuple[PlannedFilm, ...]


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """`framectl submit --dry-run --json`."""

    schema: int = DOCUMENT_SCHEMA
    projects: tuple[PlannedProject, ...]
    refused: tuple[SubmitOutcome, ...] = ()
    """Only with `--all`: those that could not be submitted."""


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """`framectl version --json`."""

    schema: int = DOCUMENT_SCHEMA
    framectl: str
    protocol: str
    daemon: HelloReply | None
    """Null when none answers."""
