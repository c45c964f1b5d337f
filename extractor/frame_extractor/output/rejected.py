"""The frames of one film that were wanted and left out: their lines in `rejected.jsonl`, and images in `rejected/`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import RejectedEntry, RejectReason
from frame_extractor.output.names import image_name
from frame_extractor.output.own_files import has_size

if TYPE_CHECKING:
    from frame_extractor.contract.settings import Names
    from frame_extractor.output.picture import Picture
    from frame_extractor.picking.plan import Pick


def measures_of(pick: Pick) -> dict[str, Any]:
    """As fields of an entry."""
    return {} if pick.measures is None else msgspec.structs.asdict(pick.measures)


class RejectedFrames:
    """`add` them all, then `publish`. Images replace those of the film's earlier set; other files stay."""

    def __init__(
        self,
        layout: OutputLayout,
        *,
        film: str,
        fingerprint: str,
        folder: str,
        names: Names,
        listed: Iterable[RejectedEntry],
    ) -> None:
        """`folder`: of the film's images. `listed`: the film's entries in `rejected.jsonl`."""
        self._dir = layout.rejected_dir
        self._film = film
        self._fingerprint = fingerprint
        self._folder = folder
        self._names = names
        listed = [each for each in listed if each.file is not None]
        self._listed = {each.file: each.size_bytes for each in listed if each.file is not None}
        # Nobody would know any more that these are blurred.
        self._blurred = {each.file for each in listed if each.reason == RejectReason.BLURRED.value}
        self._entries: list[RejectedEntry] = []
        self._pictures: dict[str, Path] = {}

    def listed_images(self) -> list[Path]:
        """Images of the earlier set that are there and unchanged, less those that are too blurred."""
        return [self._dir / file for file in self._listed if file not in self._blurred and self._is_own(file)]

    def add(self, pick: Pick, picture: Picture | None) -> None:
        assert pick.rejected is not None
        file = None
        if picture is not None:
            file = (PurePosixPath(self._folder) / image_name(pick, self._names)).as_posix()
            self._pictures[file] = picture.path
        self._entries.append(
            RejectedEntry(
                film=self._film,
                fingerprint=self._fingerprint,
                frame_index=pick.frame_index,
                time_s=pick.time_s,
                scene=pick.scene,
                interval=pick.interval,
                reason=pick.rejected.value,
                near_frame_index=pick.near_frame_index,
                **measures_of(pick),
                file=file,
                size_bytes=None if picture is None else picture.size_bytes,
            )
        )

    def clear(self) -> None:
        self._entries.clear()
        self._pictures.clear()

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> number."""
        return dict(sorted(Counter(each.reason for each in self._entries).items()))

    def entries(self) -> list[RejectedEntry]:
        """By frame."""
        return sorted(self._entries, key=lambda each: each.frame_index)

    def publish(self, before_change: Callable[[], None]) -> None:
        """`rejected/` has the images of the new set and none of the earlier one. Raises OSError."""
        for file, path in self._pictures.items():
            before_change()
            target = self._dir / file
            if self._is_own(file) or not os.path.lexists(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
        for file in self._listed.keys() - self._pictures.keys():
            before_change()
            if self._is_own(file):
                (self._dir / file).unlink(missing_ok=True)

    def _is_own(self, file: str) -> bool:
        size_bytes = self._listed.get(file)
        return size_bytes is not None and has_size(self._dir / file, size_bytes)
