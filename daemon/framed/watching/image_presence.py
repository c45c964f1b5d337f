"""Which images of an extracted film exist. Blocking; opens no image.

Compares their number with the results; if it differs, their names with the manifest. If all images of a film are gone,
they are missing; if some are, the user has removed them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.regular import read_regular
from frame_extractor.contract.results import MOST_RESULTS_BYTES, FilmResult

_IMAGE_SUFFIX: Final = ".jpg"


class Presence(NamedTuple):
    """Of one film's images."""

    there: int
    removed: int
    is_lost: bool


class _Line(msgspec.Struct, frozen=True):
    file: str
    fingerprint: str


class ImagePresence:
    """The image folders below one `frames/`, read once; a folder that cannot be read counts as empty."""

    def __init__(self, layout: OutputLayout, folders: Iterable[str]) -> None:
        """`folders`: relative to `frames/`."""
        self._layout = layout
        self._there = {folder: _images_in(layout.frames_dir / folder) for folder in folders}

    def number(self, folder: str) -> int:
        return len(self._there[folder])

    def of(self, film: FilmResult) -> Presence:
        """Of a film that the results say is complete."""
        names = self._there[film.folder]
        if len(names) == film.images:
            return Presence(film.images, film.removed, is_lost=False)
        listed = self._listed.get(film.fingerprint)
        there = min(len(names), film.images) if listed is None else len(listed & names)
        # If an attempt was interrupted while it replaced images, it is unknown who removed one.
        if there < film.images and (there == 0 or self._layout.journal(film.fingerprint).exists()):
            return Presence(there, film.removed, is_lost=True)
        return Presence(there, max(0, film.images + film.removed - there), is_lost=False)

    @cached_property
    def _listed(self) -> Mapping[str, frozenset[str]]:
        """Fingerprint -> names of its images, removed ones too; of no film where the manifest cannot be read."""
        listed: dict[str, set[str]] = {}
        try:
            lines = msgspec.json.Decoder(_Line).decode_lines(read_regular(self._layout.manifest, MOST_RESULTS_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        for line in lines:
            listed.setdefault(line.fingerprint, set()).add(os.path.basename(line.file))
        return {fingerprint: frozenset(names) for fingerprint, names in listed.items()}


def _images_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(folder) if name.endswith(_IMAGE_SUFFIX))
    except OSError:
        return frozenset()
