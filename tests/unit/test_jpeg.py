"""JPEG files: the same bytes whoever encodes them, and nothing left of one that could not be written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frame_extractor.contract.settings import Quality
from frame_extractor.output.sinks.jpeg import measures_of, write_jpeg
from frame_extractor.reading.film import Rgb
from tests.harness.shaded_film import draw_frames


def picture_of(height: int, width: int) -> Rgb:
    """Nothing in it is even: noise on shades."""
    noise = np.random.default_rng(height * width).integers(0, 64, (height, width, 3))
    shades = np.add.outer(np.arange(height), np.arange(width)) % 192
    picture: Rgb = (noise + shades[..., None]).astype(np.uint8)
    return picture


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 33), (576, 720), (1080, 1919)])
def test_bytes_are_those_that_pillow_writes(tmp_path: Path, height: int, width: int, quality: Quality) -> None:
    """As IMAGE_VERSION 2 promises: images that Pillow encoded and images that OpenCV encodes are one data set."""
    picture = picture_of(height, width)
    picture.flags.writeable = False
    by_pillow = io.BytesIO()
    Image.fromarray(picture).save(by_pillow, "JPEG", quality=quality.jpeg_quality, subsampling="4:2:0")
    path = tmp_path / "picture.jpg"
    size_bytes = write_jpeg(picture, path, quality)
    assert path.read_bytes() == by_pillow.getvalue()
    assert measures_of(path) == (size_bytes, width, height)


def test_colours_and_form_are_those_of_the_picture(tmp_path: Path) -> None:
    """Red stays red; 4:2:0, one scan, no profile."""
    picture = next(draw_frames((320, 192), 24, 1, ()))
    path = tmp_path / "picture.jpg"
    write_jpeg(picture, path, Quality.HIGH)
    with Image.open(path) as image:
        assert np.abs(np.asarray(image).astype(int) - picture).mean() < 3
        assert (image.format, image.mode, image.info.get("icc_profile")) == ("JPEG", "RGB", None)
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]
        assert not image.info.get("progressive")


def test_a_picture_that_no_jpeg_can_hold_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    with pytest.raises(OSError, match="a JPEG cannot hold a picture of 8x65501"):
        write_jpeg(np.zeros((65501, 8, 3), dtype=np.uint8), path, Quality.HIGH)
    assert not path.exists()


def test_a_write_that_fails_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_jpeg(picture_of(8, 8), tmp_path / "gone" / "picture.jpg", Quality.HIGH)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"text \xff\xd9"])
def test_what_is_no_complete_jpeg_has_no_measures(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    assert measures_of(path) is None
