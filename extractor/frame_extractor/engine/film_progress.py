"""How far one film is: work done, told as progress that never goes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from frame_extractor.contract import ShotStart, Stage
from frame_extractor.reading.film import Film

SCAN_SHARE: Final = 0.95
"""Of a film's work; the rest is repair."""


@dataclass(frozen=True)
class FilmProgress:
    """How far one film is."""

    stage: Stage
    seconds_done: float
    """Film time finished: `fraction` of `seconds_total`."""
    seconds_total: float
    fraction: float
    """0 to 1, never going back."""
    images: int
    image_bytes: int = 0
    seconds_kept: float = 0.0
    """Of `seconds_done`, film time that earlier attempts had done."""
    shots: int = 0
    """Found so far to their ends."""
    last_shots: tuple[ShotStart, ...] = ()


class Teller:
    """Turns work done into progress that never goes back."""

    def __init__(self, film: Film, report: Callable[[FilmProgress], None]) -> None:
        self._total_s = film.duration_s
        self._report = report
        self._scanned_s: Counter[int] = Counter()
        self._kept_s = 0.0
        self._fraction = 0.0
        self._stage = Stage.OPENING
        self._images = 0
        self._image_bytes = 0
        self._repaired_from = 0
        self._to_repair = 0
        self._shots = 0
        self._last_shots: tuple[ShotStart, ...] = ()
        self._tell()

    def scanned(self, task: int, seconds: float) -> None:
        self._stage = Stage.SCANNING
        self._scanned_s[task] += seconds  # type: ignore[assignment] # Counters hold floats too.
        self._advance()

    def _advance(self) -> None:
        done_s = self._scanned_s.total() + self._kept_s
        done = min(1.0, done_s / self._total_s) if self._total_s else 0.0
        self._fraction = max(self._fraction, SCAN_SHARE * done)
        self._tell()

    def recalled(self, seconds: float) -> None:
        """So much of the film an earlier attempt has done."""
        self._kept_s += seconds
        self._advance()

    def void(self, task: int | None = None) -> None:
        """This task, or every one, begins again; what is shown stays where it is until it is overtaken."""
        if task is None:
            self._scanned_s.clear()
            self._kept_s = 0.0
            self._to_repair = 0
            self._shots, self._last_shots = 0, ()
        else:
            del self._scanned_s[task]

    def found(self, shots: int, last_shots: tuple[ShotStart, ...]) -> None:
        """So many shots have been found to their ends; the last few of them."""
        self._shots, self._last_shots = shots, last_shots
        self._tell()

    def repairing(self, images: int, missing: int) -> None:
        self._stage = Stage.WRITING
        self._fraction = max(self._fraction, SCAN_SHARE)
        self._repaired_from, self._to_repair = images, missing
        self._tell()

    def published(self, images: int, image_bytes: int) -> None:
        self._images = max(self._images, images)
        self._image_bytes = max(self._image_bytes, image_bytes)
        if self._to_repair:
            repaired = (images - self._repaired_from) / self._to_repair
            self._fraction = max(self._fraction, SCAN_SHARE + (1 - SCAN_SHARE) * min(1.0, repaired))
        self._tell()

    def _tell(self) -> None:
        self._report(
            FilmProgress(
                stage=self._stage,
                seconds_done=self._fraction * self._total_s,
                seconds_total=self._total_s,
                fraction=self._fraction,
                images=self._images,
                image_bytes=self._image_bytes,
                seconds_kept=SCAN_SHARE * min(self._kept_s, self._total_s),
                shots=self._shots,
                last_shots=self._last_shots,
            )
        )
