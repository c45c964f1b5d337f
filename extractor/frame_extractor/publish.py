"""Moves finished pictures from `temp/` into `frames/`, and takes away those of the film's earlier sets.

Only ever touches files that the manifest lists for the film, or that this film's journal says we put there: captions
and whatever else people keep beside the images stay.

On a film's first run each picture appears as it is finished. Where the film has listed images (`--force`, other
settings), the new ones are held back until the film is complete, so that a set is never a mix while it can be helped.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Container, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from frame_extractor.contract import SCHEMA, ManifestEntry, OutputLayout
from frame_extractor.manifest import is_inside
from frame_extractor.names import image_name

if TYPE_CHECKING:
    from frame_extractor.pipeline import Picture

_JOURNALS: Final = "publishing"


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a journal; each further line is the name of one image, relative to `frames/`, as a JSON string."""

    schema: int = SCHEMA
    film: str
    """Its path."""
    folder: str


class Journal:
    """Names of the images that attempts put, or were about to put, into `frames/` for a film not yet complete.

    Holds a killed attempt's images (and the film's folder) until the film is complete. Names are written before their
    images appear; they are not forced to the disk, so a power cut may lose the last seconds of them.
    """

    def __init__(self, layout: OutputLayout, fingerprint: str) -> None:
        self.path = _journal_folder(layout) / f"{fingerprint}.jsonl"
        self._file: io.FileIO | None = None

    def names(self) -> set[str]:
        """What earlier attempts, and this one, noted."""
        names = set()
        for line in _lines(self.path)[1:]:
            with contextlib.suppress(msgspec.MsgspecError):
                names.add(msgspec.json.decode(line, type=str))
        return {name for name in names if is_inside(name)}

    def open(self, header: JournalHeader) -> None:
        """Notes from here on are appended; a new journal starts with `header`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close() or forget()
        if self._file.tell() == 0:
            self._file.write(msgspec.json.encode(header) + b"\n")

    def note(self, names: Iterable[str]) -> None:
        assert self._file is not None, "open() comes first"
        self._file.write(b"".join(msgspec.json.encode(name) + b"\n" for name in names))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def forget(self) -> None:
        """The results tell of the film now, or there is nothing to tell."""
        self.close()
        self.path.unlink(missing_ok=True)


class Publisher:
    """Publishes one film's pictures. `publish` them all, then `complete`, save the manifest, and `forget`."""

    def __init__(
        self,
        layout: OutputLayout,
        *,
        film: Path,
        fingerprint: str,
        folder: str,
        listed: Iterable[ManifestEntry],
        held: Path,
    ) -> None:
        """`listed`: the film's entries in the manifest. `held`: a folder in `temp/` of this attempt's own."""
        self._layout = layout
        self._film = film
        self._fingerprint = fingerprint
        self.folder = folder
        self._listed = {entry.file for entry in listed}
        self._held = held if self._listed else None
        self._entries: dict[str, ManifestEntry] = {}
        self._journal = Journal(layout, fingerprint)
        self._left_behind = self._journal.names()
        """In `frames/`, or about to be when an attempt was killed; of this film, and not of its new set so far."""
        (layout.frames_dir / folder).mkdir(parents=True, exist_ok=True)
        if self._held is not None:
            self._held.mkdir(parents=True)
        self._journal.open(JournalHeader(film=str(film), folder=folder))

    def publish(self, picture: Picture) -> None:
        """The picture has its final name, or waits for the others under it. Raises OSError."""
        name = image_name(picture.pick)
        file = (PurePosixPath(self.folder) / name).as_posix()
        pick = picture.pick
        self._entries[file] = ManifestEntry(
            file=file,
            film=self._film.name,
            fingerprint=self._fingerprint,
            frame_index=pick.frame_index,
            time_s=pick.time_s,
            scene=pick.scene,
            position=pick.position,
            interval=pick.interval,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
        )
        if self._held is not None:
            os.replace(picture.temp_path, self._held / name)
            return
        if file not in self._left_behind:
            self._journal.note([file])
        os.replace(picture.temp_path, self._layout.frames_dir / file)

    def begin_again(self) -> None:
        """What has been published so far does not count: files of names that do not come again go at the end."""
        if self._held is None:
            self._left_behind |= self._entries.keys()
        self._entries.clear()

    def complete(self) -> list[ManifestEntry]:
        """`frames/` holds the new set and nothing else of this film. Raises OSError.

        Killed half-way, the journal still names all there may be, and the next attempt ends the same.
        """
        frames = self._layout.frames_dir
        if self._held is not None:
            self._journal.note(self._entries)
        for file in (self._listed | self._left_behind) - self._entries.keys():
            (frames / file).unlink(missing_ok=True)
        if self._held is not None:
            for file in self._entries:
                os.replace(self._held / PurePosixPath(file).name, frames / file)
        return list(self._entries.values())

    def forget(self) -> None:
        self._journal.forget()

    def close(self) -> None:
        self._journal.close()

    def give_up(self, *, for_good: bool) -> None:
        """The film failed. What is in `frames/` stays, noted in the journal, for the next attempt to replace.

        `for_good`: there is none. Images that no manifest lists are gone, and the film's folder is free.
        """
        if not for_good:
            return
        for file in self._journal.names() - self._listed:
            (self._layout.frames_dir / file).unlink(missing_ok=True)
        self._journal.forget()
        if self.folder:
            with contextlib.suppress(OSError):
                (self._layout.frames_dir / self.folder).rmdir()


def claims(layout: OutputLayout) -> dict[str, str]:
    """Fingerprint -> folder below `frames/`, of the films whose extraction began and is not complete."""
    return {fingerprint: header.folder for fingerprint, header in _headers(layout).items()}


def inherit(layout: OutputLayout, film: Path, fingerprint: str, *, but_not_from: Container[str]) -> None:
    """A file that was replaced before its extraction was complete leaves its place and images to the one there now.

    `but_not_from`: fingerprints of films that have images in the manifest; theirs stay theirs.
    """
    heir = Journal(layout, fingerprint)
    for other, header in _headers(layout).items():
        if header.film == str(film) and other not in but_not_from and not heir.path.exists():
            Journal(layout, other).path.rename(heir.path)


def _headers(layout: OutputLayout) -> dict[str, JournalHeader]:
    """By fingerprint."""
    found = {}
    for path in sorted(_journal_folder(layout).glob("*.jsonl")):
        with contextlib.suppress(msgspec.MsgspecError, IndexError):
            header = msgspec.json.decode(_lines(path)[0], type=JournalHeader)
            if header.folder == "" or is_inside(header.folder):
                found[path.stem] = header
    return found


def is_unsettled(layout: OutputLayout, fingerprint: str) -> bool:
    """Whether an attempt was cut off while the film's images changed, so that they may be a mix."""
    return bool(Journal(layout, fingerprint).names())


def _journal_folder(layout: OutputLayout) -> Path:
    return layout.control / _JOURNALS


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
