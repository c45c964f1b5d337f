"""What the commands `probe`, `estimate` and `clean` of the extractor print as JSON."""

from __future__ import annotations

import msgspec

from frame_extractor.contract.versions import SCHEMA


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What `frame-extractor probe FILM --json` prints of a film that can be decoded."""

    schema: int = SCHEMA
    path: str
    fingerprint: str
    container: str
    codec: str
    width: int
    height: int
    fps: float
    duration_s: float
    source_frames: int
    """An estimate unless the container says."""


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """What `frame-extractor clean FRAMES_DIR --json` prints: what was deleted, or with --dry-run would be."""

    schema: int = SCHEMA
    images: int
    size_bytes: int
    """Of the images, and of all else that goes."""
    kept: int
    """Files of others in the output folder, which stay."""


class FilmEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What extracting one film will probably give and cost."""

    film: str
    images: int
    size_bytes: int
    wall_s: float
    error: str | None = None
