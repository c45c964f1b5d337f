"""Pictures to JPEG files, with OpenCV; what there is in a JPEG file, with Pillow."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import cv2
from PIL import Image, UnidentifiedImageError

from frame_extractor.contract.settings import Quality
from frame_extractor.reading.film import Rgb

CHROMA_SUBSAMPLING = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
"""4:2:0, as films store it."""
_END_OF_IMAGE = b"\xff\xd9"


def write_jpeg(picture: Rgb, path: Path, quality: Quality) -> int:
    """The complete image is at `path`; returns its size in bytes. Raises OSError, leaving nothing there."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality.jpeg_quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, CHROMA_SUBSAMPLING]
    is_encoded, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not is_encoded:
        height, width = picture.shape[:2]
        raise OSError(errno.EINVAL, f"a JPEG cannot hold a picture of {width}x{height}", str(path))
    try:
        return path.write_bytes(encoded.data)
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
