"""Versions of what is stored: of the files, of scores, of images."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = 1
"""Version of every file described here; written as `schema` in each."""

SCORE_VERSION: Final = 3
"""Grows whenever the same film would get other features, or be cut into other spans; kept ones are then made again."""

IMAGE_VERSION: Final = 2
"""Grows whenever the same frame with the same settings would become another JPEG; images of another are made again."""
