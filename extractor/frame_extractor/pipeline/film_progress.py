"""The progress of one film: work done of the work there is, never decreasing.

Work is film time to be decoded: once for the scan, where its scores are not cached, and again around images that are
wanted and missing. Where the scores of the complete film are cached, only the images are left to do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from frame_extractor.contract.attempt import ShotStart, Stage

SCAN_SHARE: Final = 0.95
"""Of the work at a film of which nothing is cached; the rest is for images that no scan has written."""
REPAIR_S: Final = 3.0
"""Film time decoded for one missing image: half a chunk."""


@dataclass(frozen=True)
class FilmProgress:
    """How far one film is."""

    stage: Stage
    fraction: float
    """0 to 1, never decreasing."""
    images: int
    image_bytes: int = 0
    seconds_cached: float = 0.0
    """Film time in `fraction` that earlier attempts have scanned."""
    shots: int = 0
    """Complete ones found so far."""
    last_shots: tuple[ShotStart, ...] = ()


class FilmProgressReporter:
    """Turns work done into progress that never decreases."""

    def __init__(self, total_s: float, report: Callable[[FilmProgress], None]) -> None:
        """`total_s`: how much of the film is to be extracted."""
        self._total_s = total_s
        self._report = report
        self._scanned_s: Counter[int] = Counter()
        self._cached_s = 0.0
        self._fraction = 0.0
        self._stage = Stage.OPENING
        self._images = 0
        self._image_bytes = 0
        self._needs_scan = True
        self._is_scanned = False
        self._n_missing = 0
        self._n_repaired = 0
        self._shots = 0
        self._last_shots: tuple[ShotStart, ...] = ()
        self._send()

    def scanned(self, task: int, seconds: float) -> None:
        self._stage = Stage.SCANNING
        self._scanned_s[task] += seconds  # type: ignore[assignment] # Counters hold floats too.
        self._advance()

    def _advance(self) -> None:
        total_s = self._scan_s + self._repair_s
        if total_s > 0:
            done_s = self._scan_s if self._is_scanned else self._scanned_s.total() + self._cached_s
            scanned_s = min(self._scan_s, done_s)
            repaired = min(1.0, self._n_repaired / self._n_missing) if self._n_missing else 0.0
            self._fraction = max(self._fraction, (scanned_s + self._repair_s * repaired) / total_s)
        self._send()

    @property
    def _scan_s(self) -> float:
        return self._total_s if self._needs_scan else 0.0

    @property
    def _repair_s(self) -> float:
        """An estimate of what is to be decoded for missing images; at most the film."""
        known_s = min(self._n_missing * REPAIR_S, self._total_s or math.inf)
        return max(known_s, self._scan_s * (1 - SCAN_SHARE) / SCAN_SHARE)

    @property
    def _cached_share(self) -> float:
        """Of all the work, what earlier attempts have done."""
        total_s = self._scan_s + self._repair_s
        return min(self._cached_s, self._scan_s) / total_s if total_s else 0.0

    def needs_no_scan(self) -> None:
        """The scores of the complete film are cached."""
        self._needs_scan = False

    def missing(self, images: int) -> None:
        """`images` is how many are known to be wanted and missing."""
        self._n_missing = images

    def cached(self, seconds: float) -> None:
        """`seconds` of the film were scanned by an earlier attempt."""
        self._cached_s += seconds
        self._advance()

    def restart(self, task: int | None = None) -> None:
        """This task, or every one, starts again; the fraction stays where it is until the work has reached it again."""
        if task is None:
            self._scanned_s.clear()
            self._cached_s = 0.0
            self._is_scanned = False
            self._n_missing = self._n_repaired = 0
            self._shots, self._last_shots = 0, ()
        else:
            del self._scanned_s[task]

    def shots_found(self, shots: int, last_shots: tuple[ShotStart, ...]) -> None:
        """`shots` is how many have been found so far; `last_shots` the last few of them."""
        self._shots, self._last_shots = shots, last_shots
        self._send()

    def repairing(self) -> None:
        """The scan is done; missing images are decoded again."""
        self._stage = Stage.WRITING
        self._is_scanned = True
        self._advance()

    def repaired(self) -> None:
        """One of the missing images was written, or is too blurred to be."""
        self._n_repaired += 1
        self._advance()

    def published(self, images: int, image_bytes: int) -> None:
        self._images = max(self._images, images)
        self._image_bytes = max(self._image_bytes, image_bytes)
        self._send()

    def _send(self) -> None:
        self._report(
            FilmProgress(
                stage=self._stage,
                fraction=self._fraction,
                images=self._images,
                image_bytes=self._image_bytes,
                seconds_cached=self._total_s * self._cached_share,
                shots=self._shots,
                last_shots=self._last_shots,
            )
        )
