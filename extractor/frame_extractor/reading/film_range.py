"""The part of a film that is extracted: where it begins and ends. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import msgspec

from frame_extractor.contract.answers import Probe
from frame_extractor.contract.film_time import film_time
from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.errors import NotAFilm


@dataclass(frozen=True)
class FilmRange:
    """Film times [start_s, end_s)."""

    start_s: float = 0.0
    end_s: float = math.inf

    @property
    def is_all(self) -> bool:
        """Whether it is any film's whole length."""
        return self == WHOLE_FILM

    def seconds_of(self, duration_s: float) -> float:
        """How much of a film of this length lies in it."""
        return max(0.0, min(self.end_s, duration_s) - self.start_s)

    def __contains__(self, time_s: float) -> bool:
        return self.start_s <= time_s < self.end_s

    def clip(self, failed: FailedRange | None) -> FailedRange | None:
        """What of it lies in the range."""
        if failed is None or failed.end_s <= self.start_s or failed.start_s >= self.end_s:
            return None
        start_s, end_s = max(failed.start_s, self.start_s), min(failed.end_s, self.end_s)
        return FailedRange(start_s=start_s, end_s=end_s, reason=failed.reason)


WHOLE_FILM = FilmRange()


def range_of(path: Path, duration_s: float, settings: ExtractionSettings) -> FilmRange:
    """The range that the settings mean in this film. Raises NotAFilm where nothing of it is left."""
    if settings.start_s == settings.end_s == 0:
        return WHOLE_FILM
    if duration_s <= 0 and (settings.start_s < 0 or settings.end_s < 0):
        raise NotAFilm(path, "its file does not say how long it is, so a range cannot be counted from its end")
    found = FilmRange(*settings.range_in(duration_s))
    if found.end_s <= found.start_s or 0 < duration_s <= found.start_s:
        start, end = film_time(settings.start_s), film_time(settings.end_s) if settings.end_s else "the end"
        length = film_time(round(duration_s, 1))
        raise NotAFilm(path, f"it is {length} long, and the range from {start} to {end} leaves nothing of it")
    return found


def probe_in_range(probe: Probe, settings: ExtractionSettings) -> Probe:
    """The film as if it were no longer than its range. Raises NotAFilm where nothing of it is left."""
    seconds = range_of(Path(probe.path), probe.duration_s, settings).seconds_of(probe.duration_s)
    if probe.duration_s <= 0 or seconds == probe.duration_s:
        return probe
    n_frames = round(probe.source_frames * seconds / probe.duration_s)
    return msgspec.structs.replace(probe, duration_s=seconds, source_frames=n_frames)
