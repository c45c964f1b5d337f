"""Pictures to JPEG files, with Pillow."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from frame_extractor.contract import Quality
from frame_extractor.film import Rgb

CHROMA_SUBSAMPLING = "4:2:0"
"""As films store it; Pillow's default changes with the quality."""


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
