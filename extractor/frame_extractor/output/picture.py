"""A finished picture, and what the pipeline needs of the object that publishes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from frame_extractor.picking.plan import Pick


@dataclass(frozen=True)
class Picture:
    """One finished image."""

    pick: Pick
    path: Path
    """In the temp folder, or where an earlier attempt has put it."""
    size_bytes: int
    width: int
    height: int


class Images(Protocol):
    """Where a film's pictures go. `publish.Publisher` is one."""

    def publish(self, picture: Picture) -> None:
        """Takes a finished picture. Raises OSError."""

    def reusable(self, frame_index: int) -> Sequence[Path]:
        """Where earlier attempts may have put the picture of this frame, as it is wanted now; it may be incomplete."""

    def is_removed(self, frame_index: int) -> bool:
        """Whether a user has removed this frame, so that no image of it is wanted."""

    def leave_out(self, pick: Pick, width: int, height: int) -> None:
        """Takes a pick of a removed frame: it counts as chosen and removed."""

    def reject(self, pick: Pick, picture: Picture | None = None) -> None:
        """Takes a pick that is left out, for a reason that it says, with its image where that is to be kept."""

    @property
    def removed(self) -> frozenset[int]:
        """Indices of the frames that a user has removed."""

    def restart(self) -> None:
        """What was published, and what was reusable, does not count."""
