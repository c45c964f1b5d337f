"""Which frames of its films a user has removed from an output folder: `.framed/removals.json`.

By the film's fingerprint and the frame's index, so that a removal stays valid for every later name, shot and setting of
the frame. Everything that makes images checks it first. `frames.jsonl` has the same of the frames that are picked now
(`removed: true`); what either says counts, so that one of them may be lost.

Whether an image that is missing was removed is decided in curation.py; a command that deletes images writes it itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from frame_extractor.contract.durable import write_atomically
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.versions import SCHEMA
from frame_extractor.errors import NewerSchema

_NAME: Final = "removals.json"


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    films: dict[str, tuple[int, ...]]
    """Fingerprint -> indices of the frames that are removed, in order."""


class Removals:
    """The record of one output folder. Changes are on the disk after `save`."""

    def __init__(self, layout: OutputLayout) -> None:
        """As the file says; empty where there is none, or a damaged one. Raises NewerSchema, and OSError."""
        self.path = layout.control / _NAME
        self.is_damaged = False
        """The file is to be set aside before it is written."""
        self._frames: dict[str, set[int]] = {}
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            schema = msgspec.json.decode(content, type=_Schema).schema
            if schema > SCHEMA:
                raise NewerSchema(self.path, schema)
            films = msgspec.json.decode(content, type=_File).films
        except msgspec.MsgspecError:
            self.is_damaged = True
            return
        for fingerprint, frames in films.items():
            self.add(fingerprint, frames)

    def of(self, fingerprint: str) -> frozenset[int]:
        """Indices of the film's frames that are removed."""
        return frozenset(self._frames.get(fingerprint, ()))

    def add(self, fingerprint: str, frames: Iterable[int]) -> None:
        """These frames are removed, until they are restored."""
        if new := set(frames):
            self._frames.setdefault(fingerprint, set()).update(new)

    def restore(self, fingerprint: str, frames: Iterable[int] | None = None) -> None:
        """None of these frames, or of the film's at all, is removed any more."""
        remaining = set() if frames is None else self._frames.get(fingerprint, set()) - set(frames)
        self._frames.pop(fingerprint, None)
        self.add(fingerprint, remaining)

    def save(self) -> None:
        """The file says the same, also after a power cut. Raises OSError."""
        films = {fingerprint: tuple(sorted(frames)) for fingerprint, frames in sorted(self._frames.items())}
        content = msgspec.json.encode(_File(films=films)) + b"\n"
        if films or self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, content)


class _Schema(msgspec.Struct, frozen=True):
    schema: int = SCHEMA
