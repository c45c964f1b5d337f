"""The folders in `temp/` that attempts work in: which are ours, and how they are removed. Blocking."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from frame_extractor.contract.durable import entries
from frame_extractor.contract.layout import OutputLayout

WORK_MARKER: Final = ".framed-work"
"""File in each work folder of an attempt: only folders that hold it are ever removed."""

_WORK_FOLDER: Final = re.compile(r"framed-(\d{4,})")


def work_folders(layout: OutputLayout) -> list[Path]:
    """Those in `temp/` that attempts have made, by name; never a folder of another program with such a name."""
    return [path for path in entries(layout.temp) if _is_work_folder(layout, path)]


def remove_content(work_folder: Path) -> None:
    """All of it is deleted, its marker last: without the marker the folder would not be recognised as ours."""
    for path in entries(work_folder):
        if path.name != WORK_MARKER:
            shutil.rmtree(path, ignore_errors=True)
    remove_if_empty(work_folder)


def remove_if_empty(work_folder: Path) -> None:
    """The folder is deleted when it holds nothing but its marker."""
    if not any(path.name != WORK_MARKER for path in entries(work_folder)):
        shutil.rmtree(work_folder, ignore_errors=True)


def _is_work_folder(layout: OutputLayout, path: Path) -> bool:
    found = _WORK_FOLDER.fullmatch(path.name)
    try:
        if found is None or path.is_symlink() or not path.is_dir():
            return False
        # An attempt that was killed right at its start has left its folder empty, without a marker.
        return (path / WORK_MARKER).is_file() or (layout.started(int(found[1])).exists() and not any(path.iterdir()))
    except OSError:  # removed meanwhile, or not readable
        return False
