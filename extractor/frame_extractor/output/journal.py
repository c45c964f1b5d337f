"""Which images of incomplete films are in `frames/`, or about to be: `.framed/publishing/*.jsonl`.

Does not touch an image; publish.py does.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Container, Iterable
from pathlib import Path

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.versions import SCHEMA
from frame_extractor.output.manifest import is_inside
from frame_extractor.output.names import frame_index_of


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a journal; each further line is one image: name, relative to `frames/`, and size in bytes.

    Journals of earlier versions have the name alone, as a JSON string. Another header in the middle begins a section:
    the images from there on are of another attempt, or were made in another way.
    """

    schema: int = SCHEMA
    film: str
    """Its path."""
    name: str = ""
    """What the manifest calls it; empty: the file name."""
    folder: str
    film_modified_ns: int = 0
    """Of the file, when it was read."""
    image_key: str
    """What the images were made with: `ExtractionSettings.image_key`."""
    job_id: str
    boot_id: str = ""
    """Of the boot that the images were written in; empty where an earlier version has written this."""
    restarts: bool = msgspec.field(default=False, name="begins_again")
    """What the sections before it name does not count."""
    is_settling: bool = False
    """The film's set is being replaced or deleted: files that are named, or listed, may be missing because of that."""


_Line = JournalHeader | str | tuple[str, int]
NotedImage = tuple[str, int | None]
"""An image's name and size; None where an earlier version has noted it."""


class Journal:
    """Names of the images that attempts put, or were about to put, into `frames/` for a film not yet complete.

    Reserves a killed attempt's images (and the film's folder) until the film is complete. Names are written before
    their images appear; they are not forced to the disk, so a power cut may lose the names of the last seconds.
    """

    def __init__(self, layout: OutputLayout, fingerprint: str) -> None:
        self.path = layout.journal(fingerprint)
        self._file: io.FileIO | None = None

    def names(self) -> set[str]:
        """What earlier attempts, and this one, noted."""
        return {name for name, _ in self.noted()}

    def noted(self) -> list[NotedImage]:
        """The same with sizes; a name may come more than once."""
        return [image for _, images in self.sections() for image in images]

    def sections(self) -> list[tuple[JournalHeader, list[NotedImage]]]:
        """Each header, and the images noted after it."""
        sections: list[tuple[JournalHeader, list[NotedImage]]] = []
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

    def begin_section(self, header: JournalHeader) -> None:
        """Notes from here on are of this header."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close() or forget()
        self._file.write(msgspec.json.encode(header) + b"\n")

    def note(self, images: Iterable[NotedImage]) -> None:
        assert self._file is not None, "begin_section() comes first"
        self._file.write(b"".join(msgspec.json.encode(image) + b"\n" for image in images))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        """The film is in the results now, or nothing of it is left."""
        self.close()
        self.path.unlink(missing_ok=True)


def removed_since(layout: OutputLayout, fingerprint: str, counts: Callable[[JournalHeader], bool]) -> frozenset[int]:
    """Frames whose images earlier attempts have put into `frames/`, and a user has deleted while others stayed.

    `counts` says for which sections that is known: not across a power cut, which may have lost what was noted. It is
    not known where the film was being settled, nor of the last image that an attempt has noted.
    """
    names: dict[int, set[str]] = {}
    is_doubtful: dict[int, bool] = {}
    for header, images in Journal(layout, fingerprint).sections():
        if header.is_settling:
            return frozenset()
        if header.restarts:
            names.clear()
        for number, (name, _) in enumerate(images if counts(header) else (), 1):
            if (frame := frame_index_of(name)) is not None:
                names.setdefault(frame, set()).add(name)
                is_doubtful[frame] = number == len(images)
    missing = [frame for frame, of in names.items() if not any(os.path.lexists(layout.frames_dir / n) for n in of)]
    return frozenset(frame for frame in missing if len(missing) < len(names) and not is_doubtful[frame])


def claims(layout: OutputLayout) -> dict[str, str]:
    """Fingerprint -> folder below `frames/`, of the films whose extraction began and is not complete."""
    return {fingerprint: header.folder for fingerprint, header in _headers(layout).items()}


def journals(layout: OutputLayout) -> list[Journal]:
    """Of every film whose extraction began and is not complete."""
    return [Journal(layout, fingerprint) for fingerprint in _headers(layout)]


def inherit(layout: OutputLayout, film: Path, fingerprint: str, *, but_not_from: Container[str]) -> None:
    """A file that was replaced before its extraction was complete leaves its folder and images to the one there now.

    `but_not_from`: fingerprints of films that have images in the manifest; theirs stay theirs.
    """
    own_journal = Journal(layout, fingerprint)
    for other, header in _headers(layout).items():
        if header.film == str(film) and other not in but_not_from and not own_journal.path.exists():
            other_journal = Journal(layout, other)
            # They are pictures of another film, and none of them can be reused.
            other_journal.begin_section(msgspec.structs.replace(header, restarts=True))
            other_journal.close()
            other_journal.path.rename(own_journal.path)


def _headers(layout: OutputLayout) -> dict[str, JournalHeader]:
    """By fingerprint."""
    found = {}
    for path in sorted(layout.journal("").parent.glob("*.jsonl")):
        for header, _ in Journal(layout, path.stem).sections()[:1]:
            if header.folder == "" or is_inside(header.folder):
                found[path.stem] = header
    return found


def is_unsettled(layout: OutputLayout, fingerprint: str) -> bool:
    """Whether an attempt was cut off while the film's images changed, so that they may be a mix."""
    return any(header.is_settling or images for header, images in Journal(layout, fingerprint).sections())


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
