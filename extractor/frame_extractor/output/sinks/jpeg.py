"""Pictures to JPEG files, with Pillow."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from frame_extractor.contract.settings import Quality
from frame_extractor.reading.film import Rgb

CHROMA_SUBSAMPLING = "4:2:0"
"""As films store it; Pillow's default changes with the quality."""
_END_OF_IMAGE = b"\xff\xd9"


def write_jpeg(picture: Rgb, path: Path, quality: Quality) -> int:
    """The picture stands complete at `path`; returns its size in bytes. Raises OSError, leaving nothing there."""
    # Not straight into the file: Pillow takes a write that a full disk cut short for a whole one.
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "JPEG", quality=quality.jpeg_quality, subsampling=CHROMA_SUBSAMPLING)
    try:
        return path.write_bytes(encoded.getbuffer())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def measures_of(path: Path) -> tuple[int, int, int] | None:
    """Size in bytes, width and height of a JPEG that was written to its end; None for anything else.

    What a kill or a power cut left half-written has no end.
    """
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, io.SEEK_END)
            file.seek(max(0, size_bytes - len(_END_OF_IMAGE)))
            if file.read() != _END_OF_IMAGE:
                return None
            file.seek(0)
            with Image.open(file, formats=["JPEG"]) as image:
                return size_bytes, image.width, image.height
    except (OSError, UnidentifiedImageError):
        return None
