"""Films with a region zeroed, cut out, swapped or flipped, and what the extractor makes of each.

Every frame that the pipeline would give is held against the sound film's frame at that time. A frame is wrong when it
differs from it by more than a PSNR of 30 dB, or says another number.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import ExtractionSettings, Mode, Sampling
from frame_extractor.errors import NeedsWholeFilm, NotAFilm
from frame_extractor.picking.shot_planner import ShotPlanner
from frame_extractor.pipeline.stitch import Stitcher
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film, Rgb, open_film
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.fallback import FIRST_READER
from frame_extractor.reading.trial_decode import reason_to_read_whole
from frame_extractor.workers.scan import scan
from frame_extractor.workers.spans import Span, spans_of
from frame_extractor.workers.tasks import ScanPart, ScanTask, Voided, Written

log = logging.getLogger(__name__)

SEEDS: Final = (20251, 20252)
"""Of the corruptions in docs/conformance.md. Committed before what they found was fixed; not to be changed."""
KINDS: Final = ("zeroed", "cut", "swapped", "flipped")
SIZES_BYTES: Final = (64, 512, 4096, 65_536)
MAX_SHARE: Final = 8
"""A region larger than one such part of its film leaves too little of it to be tried."""
MIN_PSNR_DB: Final = 30.0
MAX_COMPARED_WIDTH: Final = 400
"""Of wider pictures only every second line and column is compared."""
EVERY_FRAME: Final = ExtractionSettings(mode=Mode.INTERVAL, interval_seconds=0.001, max_failed_fraction=1.0)
"""Every frame that could be picked is: all that `sampling: reference` decodes."""


@dataclass(frozen=True)
class Corruption:
    """One region of a film's file that is damaged."""

    kind: str
    size_bytes: int
    """Of the region; 0: a single bit."""
    seed: int

    def __str__(self) -> str:
        return f"{self.kind} {self.size_bytes or '1 bit'} seed {self.seed}"

    def of(self, content: bytes, name: str) -> bytes:
        """The damaged content. Where the damage lies depends on the seed, the film's name, kind and size alone."""
        chosen = random.Random(f"{self.seed}/{name}/{self.kind}/{self.size_bytes}")
        start = chosen.randrange(len(content) - self.size_bytes)
        end = start + self.size_bytes
        if self.size_bytes == 0:
            flipped = bytes([content[start] ^ 1 << chosen.randrange(8)])
            return content[:start] + flipped + content[start + 1 :]
        match self.kind:
            case "zeroed":
                return content[:start] + bytes(self.size_bytes) + content[end:]
            case "cut":
                return content[:start] + content[end:]
            case "flipped":
                return content[:start] + bytes(byte ^ 0xFF for byte in content[start:end]) + content[end:]
        first = start // 2
        start, end = max(start, first + self.size_bytes), max(end, first + 2 * self.size_bytes)
        between = content[first + self.size_bytes : start]
        return content[:first] + content[start:end] + between + content[first : first + self.size_bytes] + content[end:]


def corruptions(film_bytes: int, seeds: tuple[int, ...]) -> list[Corruption]:
    """All that a film of this size is tried with."""
    sizes = [size for size in SIZES_BYTES if size * MAX_SHARE <= film_bytes]
    regions = [(kind, size) for kind in KINDS for size in sizes]
    return [Corruption(kind, size, seed) for seed in seeds for kind, size in [*regions, ("flipped", 0)]]


@dataclass
class Reading:
    """All that the pipeline gives of a film."""

    frames: dict[int, tuple[float, Rgb]] = field(default_factory=dict)
    """Index -> time in seconds, pixels to compare."""
    failed: tuple[FailedRange, ...] = ()
    refusal: str = ""
    """Why it is no film."""
    sampled: frozenset[int] = frozenset()
    """Of a sound film, whose `frames` are all it has: those that `sampling: reference` decodes. A damaged film that is
    read whole gives others too."""


@dataclass(frozen=True)
class Finding:
    """What became of a damaged film."""

    n_frames: int = 0
    n_wrong: int = 0
    n_misnumbered: int = 0
    """Of the frames that are right, those that say another number than the sound film's."""
    n_unreported: int = 0
    """Frames of the sound film that are missing, and no failed range says so."""
    n_lost: int = 0
    """Frames of the sound film that are missing."""
    is_refused: bool = False
    is_fault: bool = False
    """An error that is nobody's film's fault."""


def read_film(path: Path, folder: Path, sampling: Sampling = Sampling.REFERENCE) -> Reading:
    """Reads a film as the pipeline does, without its processes."""
    reading = Reading()
    try:
        film = open_film(path)
        try:
            if reason_to_read_whole(film) is None:
                _read(reading, film, list(spans_of(read_chunks(film, sampling), film.duration_s)), folder)
                return reading
        except NeedsWholeFilm:
            reading = Reading()
        _read(reading, film, [None], folder)
    except NotAFilm as refusal:
        return Reading(refusal=str(refusal))
    return reading if reading.frames else Reading(refusal="no picture can be decoded")


def read_sound(path: Path, folder: Path) -> Reading:
    """All frames of a film that is not damaged."""
    sound = read_film(path, folder, Sampling.EXACT)
    sound.sampled = frozenset(read_film(path, folder).frames)
    return sound


def _read(reading: Reading, film: Film, spans: list[Span] | list[None], folder: Path) -> None:
    given: dict[int, tuple[float, Rgb]] = {}

    def write(frame: Frame) -> Written:
        given[frame.index] = frame.time_s, _compared(frame.pixels)
        return Written(frame.index, None, 0, film.width, film.height)

    stitcher = Stitcher(EVERY_FRAME, ShotPlanner(EVERY_FRAME, picture_bytes=film.picture_bytes))
    for number, span in enumerate(spans):
        given = {}
        for message in scan(ScanTask(film, span, EVERY_FRAME, folder, FIRST_READER), write):
            match message:
                case Voided():
                    given.clear()
                case ScanPart():
                    stitcher.add(number, message)
        reading.frames |= given
    stitcher.finish()
    reading.failed = stitcher.scan().failed


def _compared(pixels: Rgb) -> Rgb:
    return pixels[::2, ::2].copy() if pixels.shape[1] > MAX_COMPARED_WIDTH else pixels


def judge(damaged: Reading, sound: Reading) -> Finding:
    """Holds what a damaged film gave against the sound one."""
    if damaged.refusal:
        return Finding(is_refused=True, n_lost=len(sound.sampled))
    indices = list(sound.frames)
    times_s = np.array([time_s for time_s, _ in sound.frames.values()])
    frame_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    found: Counter[str] = Counter()
    seen: set[int] = set()
    for index, (time_s, pixels) in damaged.frames.items():
        nth = int(np.abs(times_s - time_s).argmin())
        seen.add(nth)
        true = sound.frames[indices[nth]][1]
        if abs(times_s[nth] - time_s) > frame_s / 2 or psnr_db(pixels, true) < MIN_PSNR_DB:
            found["wrong"] += 1
        elif index != indices[nth]:
            found["misnumbered"] += 1
    missing_s = [time_s for nth, time_s in enumerate(times_s) if nth not in seen and indices[nth] in sound.sampled]
    # A frame may be reported by the range that begins where it would have been shown.
    is_reported = [
        any(r.start_s - 0.6 * frame_s <= at < r.end_s + 0.1 * frame_s for r in damaged.failed) for at in missing_s
    ]
    return Finding(
        n_frames=len(damaged.frames),
        n_wrong=found["wrong"],
        n_misnumbered=found["misnumbered"],
        n_unreported=is_reported.count(False),
        n_lost=len(missing_s),
    )


def psnr_db(ours: Rgb, theirs: Rgb) -> float:
    """Peak signal-to-noise ratio; infinite when they are equal, 0 when they are of different sizes."""
    if ours.shape != theirs.shape:
        return 0.0
    error = float(np.square(ours.astype(np.int32) - theirs).mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


class Bench:
    """Damages films in a folder, one at a time, and reads what comes of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound: tuple[Path, Reading] | None = None

    def try_out(self, path: Path, corruption: Corruption) -> Finding:
        """What becomes of the film at `path` with this damage."""
        return self.judge_content(path, corruption.of(path.read_bytes(), path.name), str(corruption))

    def judge_undamaged(self, path: Path) -> Finding:
        """What becomes of a copy of it."""
        return self.judge_content(path, path.read_bytes(), "a copy")

    def judge_content(self, path: Path, content: bytes, what: str) -> Finding:
        """What becomes of a film of this content, held against the one at `path`."""
        if self._sound is None or self._sound[0] != path:
            self._sound = path, read_sound(path, self._folder)
        damaged = self._folder / f"damaged{path.suffix}"
        damaged.write_bytes(content)
        try:
            return judge(read_film(damaged, self._folder), self._sound[1])
        except Exception:
            log.exception("%s: %s", path.name, what)
            return Finding(is_fault=True)

    def findings(self, path: Path, seeds: tuple[int, ...]) -> Iterator[tuple[Corruption, Finding]]:
        """Of all corruptions of a film with these seeds."""
        for corruption in corruptions(path.stat().st_size, seeds):
            yield corruption, self.try_out(path, corruption)


def is_claimed_right(codec: str, corruption: Corruption) -> bool:
    """Whether no wrong frame may come of it: H.264 and MPEG-2 that are zeroed, cut or swapped by 512 bytes or more."""
    is_large = corruption.kind != "flipped" and corruption.size_bytes >= 512
    return is_large and codec.startswith(("h264", "mpeg2"))
