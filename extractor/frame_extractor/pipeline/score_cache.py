"""What decoding has found out about a film, cached for the next attempt, and for later settings.

While a film is extracted, the part of every finished span: a killed attempt loses only the spans it was working on.
Once it is complete, one file for the complete film. Scores depend on the film, on the sampling and on SCORE_VERSION,
and on nothing else. A file that is damaged or of another version is ignored.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from frame_extractor.contract.durable import entries, write_atomically
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.quantities import count
from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.versions import SCHEMA, SCORE_VERSION
from frame_extractor.features.sample import FEATURES, Features
from frame_extractor.features.small_picture import SmallPicture
from frame_extractor.pipeline.stitch import Scan
from frame_extractor.workers.spans import Span
from frame_extractor.workers.tasks import ScanPart

_FILM_FILE: Final = "film.npz"
_NO_PICTURE: Final = np.zeros(0, dtype=np.uint8)
_SPAN_FILE: Final = re.compile(r"span-(\d+)\.npz")


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds beside its arrays."""

    schema: int = SCHEMA
    job_id: str
    """Of the job whose attempt wrote it."""
    first_frame: int
    n_frames: int
    film_modified_ns: int = 0
    """Of the file, when it was read."""
    breaks: tuple[int, ...]
    failed: tuple[FailedRange, ...]
    end_s: float
    counted_from_s: float | None = None
    readers: dict[int, str]
    in_chunks: bool
    """Whether the film was read in chunks, or whole."""
    image_key: str
    written: tuple[int, ...] = ()
    """Frame indices of the images that were written, with settings of that key."""
    rejected: tuple[int, ...] = ()
    """Frame indices of those that were too blurred to be written, with settings of that key."""


@dataclass(frozen=True)
class CachedPart:
    """A part that need not be scanned again."""

    part: ScanPart
    in_chunks: bool
    written: frozenset[int]
    """Frame indices whose images were written as they are wanted now."""
    rejected: frozenset[int]
    """Frame indices known to be too blurred for the present settings."""


class ScoreCache:
    """What is cached of one film, as far as it fits the settings. Raises OSError where it writes."""

    def __init__(
        self,
        layout: OutputLayout,
        fingerprint: str,
        settings: ExtractionSettings,
        *,
        job_id: str,
        force: bool,
        film_modified_ns: int = 0,
        before_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`force`: only what attempts of this same job have found out is used. `film_modified_ns`: when the file was
        changed last; spans of a film that has been written to since are ignored, even if its fingerprint is the same.
        `before_change` is called before anything is written or removed; what it raises keeps that from happening.
        """
        self._before_change = before_change
        self.fingerprint = fingerprint
        self._folder = layout.scores / fingerprint / _folder_name(settings)
        self._image_key = settings.image_key
        self._job_id = job_id
        self._film_modified_ns = film_modified_ns
        self._force = force
        found = {int(match[1]): path for path in self._files() if (match := _SPAN_FILE.fullmatch(path.name))}
        spans = {number: cached for number, path in found.items() if (cached := self._read(path)) is not None}
        self._spans = {n: cached for n, cached in spans.items() if cached[0].film_modified_ns == film_modified_ns}
        whole = self._read(self._folder / _FILM_FILE)
        self.film = None if whole is None else whole[1]
        """The complete film, if it was ever scanned to its end."""

    def describe(self) -> str | None:
        """One line for the log: what is cached, or why it is not used; None when there is nothing."""
        if self.film is not None:
            all_frames = count(len(self.film.part.numbers), "frame")
            return f"the scores of all {all_frames} are kept: only images that are missing are decoded"
        if self._spans:
            n_frames = sum(len(cached.part.numbers) for _, cached in self._spans.values())
            spans = count(len(self._spans), "span")
            return f"{spans} that earlier attempts have finished are kept: {count(n_frames, 'frame')}"
        if self._files():
            reason = "with --force everything is made again" if self._force else "they cannot be read"
            return f"kept scores are not used: {reason}"
        others = sorted(folder.name for folder in entries(self._folder.parent) if folder != self._folder)
        return f"kept scores are not used: they are {', '.join(others)}, not {self._folder.name}" if others else None

    @property
    def written(self) -> frozenset[int]:
        """Frame indices whose images finished spans have written."""
        return frozenset(index for _, cached in self._spans.values() for index in cached.written)

    def span(self, span: Span) -> CachedPart | None:
        """What was found out about exactly this stretch of the film."""
        header, cached = self._spans.get(span.number, (None, None))
        if header is None or (header.first_frame, header.n_frames) != (span.first_frame, span.n_frames):
            return None
        return cached

    def store_span(self, span: Span, part: ScanPart, *, written: Collection[int], rejected: Collection[int]) -> None:
        """The next attempt need not scan it."""
        header = self._header(part, span.first_frame, in_chunks=True, written=written, rejected=rejected)
        self._write(f"span-{span.number:05d}.npz", header, part)

    def store_film(self, scan: Scan, *, in_chunks: bool, rejected: Collection[int]) -> None:
        """The complete film; its spans stay until they are deleted."""
        samples = scan.samples
        part = ScanPart(
            numbers=samples.numbers,
            frame_indices=samples.frame_indices,
            times_s=samples.times_s,
            features=samples.features,
            breaks=tuple(sorted(samples.breaks)),
            first=None,
            last=None,
            failed=scan.failed,
            end_s=scan.end_s,
            counted_from_s=scan.counted_from_s,
            n_frames=scan.n_frames,
            readers=scan.readers,
        )
        self._write(_FILM_FILE, self._header(part, 0, in_chunks=in_chunks, rejected=rejected), part)
        for other in entries(self._folder.parent):
            if not other.name.endswith(f"-v{SCORE_VERSION}"):
                shutil.rmtree(other, ignore_errors=True)

    def delete_spans(self) -> None:
        """They are wrong, or not needed any more."""
        self._spans.clear()
        self._before_change()
        for path in self._files():
            if _SPAN_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Everything cached of the film is wrong, for every sampling."""
        self._spans.clear()
        self.film = None
        self._before_change()
        shutil.rmtree(self._folder.parent, ignore_errors=True)

    def _header(
        self,
        part: ScanPart,
        first_frame: int,
        *,
        in_chunks: bool,
        written: Collection[int] = (),
        rejected: Collection[int],
    ) -> _Header:
        return _Header(
            job_id=self._job_id,
            first_frame=first_frame,
            n_frames=part.n_frames,
            film_modified_ns=self._film_modified_ns,
            breaks=part.breaks,
            failed=part.failed,
            end_s=part.end_s,
            counted_from_s=part.counted_from_s,
            readers=part.readers,
            in_chunks=in_chunks,
            image_key=self._image_key,
            written=tuple(written),
            rejected=tuple(rejected),
        )

    def _files(self) -> list[Path]:
        return entries(self._folder)

    def _read(self, path: Path) -> tuple[_Header, CachedPart] | None:
        with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError):
            header, part = _decoded(path.read_bytes())
            if self._force and header.job_id != self._job_id:
                return None
            fits = header.image_key == self._image_key
            written, rejected = (header.written, header.rejected) if fits else ((), ())
            return header, CachedPart(part, header.in_chunks, frozenset(written), frozenset(rejected))
        return None

    def _write(self, name: str, header: _Header, part: ScanPart) -> None:
        self._before_change()
        self._folder.mkdir(parents=True, exist_ok=True)
        # Not forced to the disk: what a power cut loses is scanned again, and checksums detect an incomplete file.
        write_atomically(self._folder / name, _encoded(header, part), durable=False)


def _folder_name(settings: ExtractionSettings) -> str:
    """A range of a film is cut into other spans than all of it."""
    range_name = "" if settings.start_s == settings.end_s == 0 else f"-{settings.start_s:.15g}to{settings.end_s:.15g}"
    return f"{settings.sampling.value}{range_name}-v{SCORE_VERSION}"


def _encoded(header: _Header, part: ScanPart) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        header=np.frombuffer(msgspec.json.encode(header), dtype=np.uint8),
        numbers=part.numbers,
        frame_indices=part.frame_indices,
        times_s=part.times_s,
        features=part.features,
        first=_NO_PICTURE if part.first is None else part.first.rgb,
        last=_NO_PICTURE if part.last is None else part.last.rgb,
    )
    return buffer.getvalue()


def _decoded(content: bytes) -> tuple[_Header, ScanPart]:
    """Raises ValueError, KeyError, BadZipFile or MsgspecError for what was not encoded so."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        header = msgspec.json.decode(arrays["header"].tobytes(), type=_Header)
        part = ScanPart(
            numbers=arrays["numbers"],
            frame_indices=arrays["frame_indices"],
            times_s=arrays["times_s"],
            features=_features(arrays["features"]),
            breaks=header.breaks,
            first=SmallPicture(arrays["first"]) if arrays["first"].size else None,
            last=SmallPicture(arrays["last"]) if arrays["last"].size else None,
            failed=header.failed,
            end_s=header.end_s,
            counted_from_s=header.counted_from_s,
            n_frames=header.n_frames,
            readers=header.readers,
        )
    if len({len(part.numbers), len(part.frame_indices), len(part.times_s), len(part.features)}) != 1:
        raise ValueError("arrays of different lengths")
    return header, part


def _features(kept: Features) -> Features:
    if kept.dtype != FEATURES:
        raise ValueError("features of another version")
    return kept
