"""What earlier attempts have done of a film, and what of it counts for this one."""

from __future__ import annotations

from dataclasses import dataclass

from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.output import curation
from frame_extractor.output.journal import is_unsettled
from frame_extractor.output.manifest import Output


def is_redone(spec: AttemptSpec, output: Output, fingerprint: str) -> bool:
    """Whether what was done of the film before, or removed of it, does not count.

    Force and restore are about what was there before the job: its retries must not begin from nothing each time.
    """
    film = output.films.get(fingerprint)
    is_own = film is not None and film.status == "complete" and film.job_id == spec.job_id
    return (spec.force or spec.restore) and not is_own


def is_complete(spec: AttemptSpec, output: Output, fingerprint: str) -> bool:
    """Whether nothing is to be done of the film."""
    return (
        output.is_complete(fingerprint, spec.settings)
        and not is_unsettled(output.layout, fingerprint)
        and not (spec.force and is_redone(spec, output, fingerprint))
        and not (is_redone(spec, output, fingerprint) and curation.is_curated(output, fingerprint))
    )


def record_removed(output: Output, fingerprint: str) -> bool:
    """Images that a user has deleted are known as removed; whether there are any that were not.

    Where an attempt was killed while it replaced images, it is not known who has deleted one.
    """
    return not is_unsettled(output.layout, fingerprint) and curation.record_changes(output, fingerprint)


@dataclass
class CompleteFilms:
    """Films of the attempt that were complete before it, in numbers."""

    images: int = 0
    image_bytes: int = 0
    seconds: float = 0.0

    def add(self, output: Output, fingerprint: str) -> None:
        images, film = output.images.get(fingerprint, ()), output.films[fingerprint]
        self.images += len(images)
        self.image_bytes += sum(image.size_bytes for image in images)
        self.seconds += film.range_duration_s
