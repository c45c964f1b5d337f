"""Moves finished pictures from `temp/` into `frames/`, and takes away those of the film's earlier sets.

Only ever overwrites or deletes files that are ours (own_files.py): captions and whatever else people keep beside the
images stay. What is in the way of an image, or was one of ours until somebody changed it, is put aside, and only when
the film is complete.

On a film's first run each picture appears as it is finished. Where the film has listed images (`--force`, other
settings), the new ones are held back until the film is complete, so that a set is never a mix while it can be helped.
A picture that was made before, exactly as it is wanted now, is not made again: it is moved to its new name.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from frame_extractor.contract import SCHEMA, ManifestEntry, OutputLayout
from frame_extractor.output.durable import entries
from frame_extractor.output.manifest import is_inside
from frame_extractor.output.names import frame_index_of, image_name
from frame_extractor.output.own_files import OwnFiles

if TYPE_CHECKING:
    from frame_extractor.output.picture import Picture

_JOURNALS: Final = "publishing"


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a journal; each further line is one image: name, relative to `frames/`, and size in bytes.

    Journals of earlier versions have the name alone, as a JSON string. Another header in the middle begins a section:
    the images from there on were made in another way, or by another job.
    """

    schema: int = SCHEMA
    film: str
    """Its path."""
    folder: str
    film_modified_ns: int = 0
    """Of the file, when it was read."""
    image_key: str
    """What the images were made with: `ExtractionSettings.image_key`."""
    job_id: str
    begins_again: bool = False
    """What the sections before it name is of no use."""
    is_settling: bool = False
    """The film's set is being replaced or taken away: files that are named, or listed, may be missing by our doing."""


_Line = JournalHeader | str | tuple[str, int]
_Noted = tuple[str, int | None]
"""An image's name and size; None where an earlier version has noted it."""


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
        return {name for name, _ in self.noted()}

    def noted(self) -> list[_Noted]:
        """The same with sizes; a name may come more than once."""
        return [image for _, images in self.sections() for image in images]

    def sections(self) -> list[tuple[JournalHeader, list[_Noted]]]:
        """Each header, and the images noted after it."""
        sections: list[tuple[JournalHeader, list[_Noted]]] = []
        for line in _lines(self.path):
            with contextlib.suppress(msgspec.MsgspecError):
                entry: JournalHeader | str | tuple[str, int] = msgspec.json.decode(line, type=_Line)
                if isinstance(entry, JournalHeader):
                    sections.append((entry, []))
                    continue
                name, size_bytes = (entry, None) if isinstance(entry, str) else entry
                if sections and is_inside(name):
                    sections[-1][1].append((name, size_bytes))
        return sections

    def open(self, header: JournalHeader) -> None:
        """Notes from here on are appended, in a new section where `header` is not that of the last one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self.sections()
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close() or forget()
        if not before or msgspec.structs.replace(before[-1][0], begins_again=False, is_settling=False) != header:
            self.begin_section(header)

    def begin_section(self, header: JournalHeader) -> None:
        assert self._file is not None, "open() comes first"
        self._file.write(msgspec.json.encode(header) + b"\n")

    def note(self, images: Iterable[_Noted]) -> None:
        assert self._file is not None, "open() comes first"
        self._file.write(b"".join(msgspec.json.encode(image) + b"\n" for image in images))

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
        fingerprint: str,
        header: JournalHeader,
        listed: Iterable[ManifestEntry],
        is_usable: Callable[[JournalHeader], bool],
        listed_is_usable: bool,
        taken_over: Path,
        before_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`listed`: the film's entries in the manifest. `taken_over`: pictures of killed attempts, by frame.

        `before_change` is called before anything is changed; what it raises keeps that from happening.
        `is_usable` says of a journal's section, and `listed_is_usable` of what is listed, whether those images are as
        they would be made now.
        """
        self._layout = layout
        self._before_change = before_change
        self._fingerprint = fingerprint
        self._header = header
        self.folder = header.folder
        listed = list(listed)
        self._listed = {entry.file for entry in listed}
        self._entries: dict[str, ManifestEntry] = {}
        self._held: dict[str, Path] = {}
        """Where the pictures are that wait for the others, by the file they will be: all where the film is listed, else
        those whose place somebody else's file has.
        """
        self.put_aside: list[Path] = []
        """What was in the way of images and is not ours, where it is now."""
        self._journal = Journal(layout, fingerprint)
        sections = self._journal.sections()
        self._left_behind = {name for _, images in sections for name, _ in images}
        """In `frames/`, or about to be when an attempt was killed; of this film, and not of its new set so far."""
        self._own = own_files(layout, listed, self._journal)
        self._found: dict[int, list[Path]] = {}
        for section, images in reversed(sections):
            if not is_usable(section):
                break
            self._add_found(layout.frames_dir / name for name, _ in images if self._own.is_there(name))
            if section.begins_again:
                break
        if listed_is_usable:
            sizes = {entry.file: entry.size_bytes for entry in listed}
            self._add_found(path for file, size in sizes.items() if _has_size(path := layout.frames_dir / file, size))
        self._add_found(taken_over.iterdir())
        before_change()
        (layout.frames_dir / self.folder).mkdir(parents=True, exist_ok=True)
        self._journal.open(header)

    def _add_found(self, paths: Iterable[Path]) -> None:
        for path in paths:
            frame_index = frame_index_of(path.name)
            if frame_index is not None:
                self._found.setdefault(frame_index, []).append(path)

    def on_hand(self, frame_index: int) -> Sequence[Path]:
        """Where earlier attempts may have put the picture of this frame, as it is wanted now; perhaps not whole."""
        return self._found.get(frame_index, ())

    def publish(self, picture: Picture) -> None:
        """The picture has its final name, or waits for the others. Raises OSError."""
        pick = picture.pick
        file = (PurePosixPath(self.folder) / image_name(pick)).as_posix()
        self._entries[file] = ManifestEntry(
            file=file,
            film=Path(self._header.film).name,
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
        if self._listed or not self._own.is_free(file):
            self._held[file] = picture.path
            return
        self._before_change()
        self._note([file])
        os.replace(picture.path, self._layout.frames_dir / file)

    def _note(self, files: Iterable[str]) -> None:
        noted = [(file, self._entries[file].size_bytes) for file in files]
        self._journal.note(noted)
        for file, size_bytes in noted:
            self._own.add(file, size_bytes)

    def begin_again(self) -> None:
        """What has been published so far does not count: files of names that do not come again go at the end."""
        if not self._listed:
            self._left_behind |= self._entries.keys()
        self._entries.clear()
        self._held.clear()
        self._found.clear()
        self._before_change()
        self._journal.begin_section(msgspec.structs.replace(self._header, begins_again=True))

    def complete(self) -> list[ManifestEntry]:
        """`frames/` holds the new set and nothing else of this film. Raises OSError.

        Killed half-way, the journal still names all there may be, and the next attempt ends the same. What is not ours
        has left its place before the journal names that.
        """
        frames = self._layout.frames_dir
        self._before_change()
        self._begin_settling()
        for file in self._held:
            if not self._own.is_free(file):
                self._before_change()
                self._put_aside(self._own.put_aside(file))
        self._note(self._held)
        for file, path in self._held.items():
            self._before_change()
            os.replace(path, frames / file)
        for file in sorted((self._listed | self._left_behind) - self._entries.keys()):
            self._before_change()
            self._put_aside(self._own.remove(file))
        return list(self._entries.values())

    def _begin_settling(self) -> None:
        self._journal.begin_section(msgspec.structs.replace(self._header, is_settling=True))

    def _put_aside(self, path: Path | None) -> None:
        if path is not None:
            self.put_aside.append(path)

    def forget(self) -> None:
        self._before_change()
        self._journal.forget()

    def close(self) -> None:
        self._journal.close()

    def give_up(self, *, for_good: bool) -> None:
        """The film failed. What is in `frames/` stays, noted in the journal, for the next attempt to replace.

        `for_good`: there is none. Images that no manifest lists are gone, and the film's folder is free.
        """
        if not for_good:
            return
        self._before_change()
        self._begin_settling()
        for file in sorted(self._journal.names() - self._listed):
            self._before_change()
            if self._own.is_there(file):
                (self._layout.frames_dir / file).unlink(missing_ok=True)
        self.forget()
        if self.folder:
            with contextlib.suppress(OSError):
                (self._layout.frames_dir / self.folder).rmdir()


def own_files(layout: OutputLayout, listed: Iterable[ManifestEntry], *journals: Journal) -> OwnFiles:
    """Those that these entries and journals name."""
    own = OwnFiles(layout.frames_dir)
    for entry in listed:
        own.add(entry.file, entry.size_bytes)
    for journal in journals:
        for file, size_bytes in journal.noted():
            own.add(file, size_bytes)
    return own


def put_unlisted_aside(layout: OutputLayout, own: OwnFiles) -> list[Path]:
    """Images in `frames/` itself that are not ours (an earlier tool's set, now replaced) lie beside it; where they are.

    Other files stay, captions among them.
    """
    images = (path.name for path in entries(layout.frames_dir) if frame_index_of(path.name) is not None)
    moved = (own.put_aside(name) for name in images if not own.is_there(name))
    return [path for path in moved if path is not None]


def claims(layout: OutputLayout) -> dict[str, str]:
    """Fingerprint -> folder below `frames/`, of the films whose extraction began and is not complete."""
    return {fingerprint: header.folder for fingerprint, header in _headers(layout).items()}


def journals(layout: OutputLayout) -> list[Journal]:
    """Of every film whose extraction began and is not complete."""
    return [Journal(layout, fingerprint) for fingerprint in _headers(layout)]


def inherit(layout: OutputLayout, film: Path, fingerprint: str, *, but_not_from: Container[str]) -> None:
    """A file that was replaced before its extraction was complete leaves its place and images to the one there now.

    `but_not_from`: fingerprints of films that have images in the manifest; theirs stay theirs.
    """
    heir = Journal(layout, fingerprint)
    for other, header in _headers(layout).items():
        if header.film == str(film) and other not in but_not_from and not heir.path.exists():
            left = Journal(layout, other)
            left.open(header)
            # They are pictures of another film, which is not to be found in them.
            left.begin_section(msgspec.structs.replace(header, begins_again=True))
            left.close()
            left.path.rename(heir.path)


def _headers(layout: OutputLayout) -> dict[str, JournalHeader]:
    """By fingerprint."""
    found = {}
    for path in sorted(_journal_folder(layout).glob("*.jsonl")):
        for header, _ in Journal(layout, path.stem).sections()[:1]:
            if header.folder == "" or is_inside(header.folder):
                found[path.stem] = header
    return found


def is_unsettled(layout: OutputLayout, fingerprint: str) -> bool:
    """Whether an attempt was cut off while the film's images changed, so that they may be a mix."""
    return any(header.is_settling or images for header, images in Journal(layout, fingerprint).sections())


def _journal_folder(layout: OutputLayout) -> Path:
    return layout.control / _JOURNALS


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size_bytes
