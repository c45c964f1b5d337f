"""What of a project is extracted: `extraction_results.json` and `frames.jsonl`, read and written, with the removals.

Does not touch an image; that is publish.py's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from frame_extractor.contract.durable import entries, write_atomically
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.regular import read_regular
from frame_extractor.contract.results import (
    MOST_RESULTS_BYTES,
    FilmResult,
    ManifestEntry,
    RejectedEntry,
    Results,
    ResultsConfig,
)
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.versions import SCHEMA
from frame_extractor.errors import NewerSchema
from frame_extractor.output.names import film_folder
from frame_extractor.output.removals import Removals

_JSON_SPACES: Final = 2


@dataclass
class Output:
    """One project's output as its two files tell it. Films are known by their fingerprint, in the order first seen."""

    layout: OutputLayout
    films: dict[str, FilmResult] = field(default_factory=dict)
    images: dict[str, tuple[ManifestEntry, ...]] = field(default_factory=dict)
    """By fingerprint, sorted by frame index, without removed ones; only films that have any."""
    removed: dict[str, tuple[ManifestEntry, ...]] = field(default_factory=dict)
    """The same, of frames that are picked and that a user has removed."""
    rejected: dict[str, tuple[RejectedEntry, ...]] = field(default_factory=dict)
    """By fingerprint, frames that were wanted and left out; only films that have any."""
    removals: Removals = field(init=False)
    """All frames that a user has removed, picked now or not."""
    earlier_tool_images: int = 0
    """Above 0: the results are those of the tool this one replaced, which says no more than their number."""
    order: dict[str, None] = field(default_factory=dict)
    """Fingerprints in the order of both files."""
    config: ResultsConfig | None = None
    """Settings of the last attempt."""
    output_dir: str = ""
    """The folder of images that the results are of, as they say; empty when there are none, or not ours."""
    unusable: list[Path] = field(default_factory=list)
    """Files that must be set aside before theirs are written: damaged, or the earlier tool's."""

    def __post_init__(self) -> None:
        self.removals = Removals(self.layout)

    def is_complete(self, fingerprint: str, settings: ExtractionSettings) -> bool:
        """Whether the film was extracted with these settings, and its images are not lost.

        They are when none is there. Where some are missing, their user has removed them.
        """
        film = self.films.get(fingerprint)
        listed, removed = self.images.get(fingerprint, ()), self.removed.get(fingerprint, ())
        if film is None or film.status != "complete" or film.settings != settings:
            return False
        if len(listed) + len(removed) != film.images + film.removed:
            return False
        if not (listed or removed):
            # A film of which all frames are left out, being black, or with no interval in its range, has none to lose.
            return bool(film.rejected) or (film.wanted == 0 and not film.failed_ranges)
        try:
            present = set(os.listdir(self.layout.frames_dir / film.folder))
        except OSError:
            return False
        return not listed or any(PurePosixPath(entry.file).name in present for entry in listed)

    def entries(self, fingerprint: str) -> tuple[ManifestEntry, ...]:
        """All that the manifest lists of the film."""
        listed = (*self.images.get(fingerprint, ()), *self.removed.get(fingerprint, ()))
        return tuple(sorted(listed, key=lambda entry: entry.frame_index))

    def folder_for(self, film_name: str, fingerprint: str, claimed: dict[str, str]) -> str:
        """Where below `frames/` the film's images go: where they are, else flat for a project's first film.

        `claimed`: fingerprint -> folder, of films that have images or a claim no results tell of.
        """
        taken = dict(claimed)
        for other in (*self.images, *self.removed):
            taken[other] = _folder_of(self.entries(other)[0])
        if fingerprint in taken:
            return taken[fingerprint]
        if "" not in taken.values():
            return ""
        # A file, or a link to somebody's folder, has a name as much as another film has.
        in_the_way = (path.name for path in entries(self.layout.frames_dir) if path.is_symlink() or not path.is_dir())
        return film_folder(film_name, fingerprint, [*taken.values(), *in_the_way])

    def keep_place(self, fingerprint: str) -> None:
        """The film comes after those already known, whatever becomes of it and when."""
        self.order.setdefault(fingerprint)

    def record(self, film: FilmResult, entries: list[ManifestEntry], rejected: Iterable[RejectedEntry] = ()) -> None:
        """The film is as `film` says, and `entries` are its images, those of removed frames among them.

        `rejected`: its frames that are left out.
        """
        self._put(film)
        self.put_rejected(film.fingerprint, rejected)
        self.removals.add(film.fingerprint, (entry.frame_index for entry in entries if entry.removed))
        self.put_images(film.fingerprint, entries)

    def put_images(self, fingerprint: str, entries: Iterable[ManifestEntry]) -> None:
        """`entries` are the film's images; which of them are removed, `removals` says."""
        frames = self.removals.of(fingerprint)
        entries = sorted(entries, key=lambda entry: entry.frame_index)
        listed = tuple(_marked(entry, removed=False) for entry in entries if entry.frame_index not in frames)
        removed = tuple(_marked(entry, removed=True) for entry in entries if entry.frame_index in frames)
        for images, found in ((self.images, listed), (self.removed, removed)):
            images.pop(fingerprint, None)
            if found:
                images[fingerprint] = found
        film = self.films.get(fingerprint)
        if film is not None and film.images + film.removed == len(entries):
            self.films[fingerprint] = msgspec.structs.replace(film, images=len(listed), removed=len(removed))

    def put_rejected(self, fingerprint: str, rejected: Iterable[RejectedEntry]) -> None:
        """These frames of the film, and no others, were wanted and are left out."""
        self.rejected.pop(fingerprint, None)
        if entries := tuple(rejected):
            self.rejected[fingerprint] = entries

    def record_failure(self, failed: FilmResult) -> None:
        """The film failed this time; images of an earlier time, and what is known of them, stay."""
        earlier = self.films.get(failed.fingerprint)
        if earlier is not None and self.entries(failed.fingerprint):
            failed = msgspec.structs.replace(earlier, status="failed", error=failed.error)
        self._put(failed)

    def remove_film(self, fingerprint: str) -> None:
        """Nothing is known of that film."""
        self.films.pop(fingerprint, None)
        self.images.pop(fingerprint, None)
        self.removed.pop(fingerprint, None)
        self.rejected.pop(fingerprint, None)
        self.removals.restore(fingerprint)

    def _put(self, film: FilmResult) -> None:
        """Failures of what lay under the film's path before, a broken download say, are history then."""
        self.keep_place(film.fingerprint)
        for other in list(self.films.values()):
            if other.path == film.path and other.status == "failed" and not self.entries(other.fingerprint):
                del self.films[other.fingerprint]
        self.films[film.fingerprint] = film

    def save(self, config: ResultsConfig, *, before_change: Callable[[], None] = lambda: None) -> list[str]:
        """Writes removals, manifest, results; all durable. Returns a line for each file it had to set aside.

        `before_change` is called before each of them; what it raises keeps that from happening.
        """
        before_change()
        notes = [_set_aside(path) for path in self.unusable]
        self.unusable.clear()
        self.earlier_tool_images = 0
        # Before what mirrors them: of frames that are restored the manifest still says that they are removed, until
        # it is known that their images are there.
        self.removals.save()
        before_change()
        lines = [
            msgspec.json.encode(entry) + b"\n" for fingerprint in self.order for entry in self.entries(fingerprint)
        ]
        write_atomically(self.layout.manifest, b"".join(lines))
        self._save_rejected()
        results = Results(
            total_episodes=len(self.films),
            successful_episodes=sum(film.status == "complete" for film in self.films.values()),
            total_frames=sum(map(len, self.images.values())),
            output_dir=os.fspath(self.layout.frames_dir),
            config=config,
            timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
            films=tuple(self.films[fingerprint] for fingerprint in self.order if fingerprint in self.films),
        )
        content = msgspec.json.format(msgspec.json.encode(results), indent=_JSON_SPACES) + b"\n"
        before_change()
        write_atomically(self.layout.results, content)
        return notes

    def _save_rejected(self) -> None:
        """There is no such file where nothing was ever left out."""
        entries = [entry for fingerprint in self.order for entry in self.rejected.get(fingerprint, ())]
        if entries or self.layout.rejected.is_file():
            write_atomically(self.layout.rejected, b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


def read_output(layout: OutputLayout) -> Output:
    """What the two files tell; changes nothing. Files that are missing tell nothing.

    Raises NewerSchema, and OSError when a file is there and cannot be read.
    """
    output = Output(layout)
    if output.removals.is_damaged:
        output.unusable.append(output.removals.path)
    content = _content(layout.results)
    if content is not None:
        _read_results(output, content)
    content = _content(layout.manifest)
    if content is not None:
        _read_manifest(output, content)
    content = _content(layout.rejected)
    if content is not None:
        _read_rejected(output, content)
    return output


def _read_results(output: Output, content: bytes) -> None:
    try:
        fields: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        if "schema" not in fields and "films" not in fields and isinstance(fields.get("total_frames"), int):
            output.earlier_tool_images = max(0, fields["total_frames"])
            output.unusable.append(output.layout.results)
            return
        schema = fields.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise NewerSchema(output.layout.results, schema)
        results = msgspec.convert(fields, Results)
    except msgspec.MsgspecError:
        output.unusable.append(output.layout.results)
        return
    output.config = results.config
    output.output_dir = results.output_dir
    for film in results.films:
        output.films[film.fingerprint] = film
        output.keep_place(film.fingerprint)


def _read_manifest(output: Output, content: bytes) -> None:
    """Lines that can be read count, so that the images they list are still known as ours."""
    decoder = msgspec.json.Decoder(ManifestEntry)
    damaged = False
    listed: dict[str, list[ManifestEntry]] = {}
    for line in content.splitlines():
        try:
            entry = decoder.decode(line)
        except msgspec.MsgspecError:
            damaged = True
            continue
        if is_inside(entry.file):
            listed.setdefault(entry.fingerprint, []).append(entry)
        else:
            damaged = True
    for fingerprint, images in listed.items():
        output.removals.add(fingerprint, (entry.frame_index for entry in images if entry.removed))
        output.put_images(fingerprint, images)
        output.keep_place(fingerprint)
    if damaged:
        output.unusable.append(output.layout.manifest)


def _read_rejected(output: Output, content: bytes) -> None:
    """Lines that cannot be read are dropped: they can be made again, and nobody has anything of value in them."""
    decoder = msgspec.json.Decoder(RejectedEntry)
    rejected: dict[str, list[RejectedEntry]] = {}
    for line in content.splitlines():
        with contextlib.suppress(msgspec.MsgspecError):
            entry = decoder.decode(line)
            if entry.file is None or is_inside(entry.file):
                rejected.setdefault(entry.fingerprint, []).append(entry)
    for fingerprint, of_film in rejected.items():
        output.put_rejected(fingerprint, of_film)


def is_inside(file: str) -> bool:
    """Whether `file`, read from a file anybody may have edited, names something inside `frames/`."""
    parts = PurePosixPath(file).parts
    return bool(parts) and not file.startswith("/") and ".." not in parts and "\0" not in file


def _marked(entry: ManifestEntry, *, removed: bool) -> ManifestEntry:
    return entry if entry.removed is removed else msgspec.structs.replace(entry, removed=removed)


def _folder_of(entry: ManifestEntry) -> str:
    folder = PurePosixPath(entry.file).parent.as_posix()
    return "" if folder == "." else folder


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path, MOST_RESULTS_BYTES)
    except FileNotFoundError:
        return None


def _set_aside(path: Path) -> str:
    number = 1
    while (aside := path.with_name(f"{path.name}.aside-{number}")).exists():
        number += 1
    path.rename(aside)
    return f"{path.name} was not written by this program or is damaged; it is kept as {aside}"


def results_config(settings: ExtractionSettings, workers: int) -> ResultsConfig:
    """What the results say of an attempt's settings."""
    return ResultsConfig(workers=workers, **msgspec.structs.asdict(settings))
