"""A setting of an extraction as a person writes it in a settings file."""

from __future__ import annotations

from typing import Final

from frame_extractor.contract.declaration import declared
from framed.model.project import FrameExtraction
from framed.model.values import as_written

_DECLARED: Final = {each.name: each for each in declared(FrameExtraction)}


def written(name: str, value: object) -> tuple[str, str]:
    """Its key and its value: `range.start` and `0:45` for start_s and 45.0."""
    setting = _DECLARED.get(name)
    return (setting.key, setting.written(value)) if setting is not None else (name, as_written(value))
