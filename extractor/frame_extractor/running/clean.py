"""`frame-extractor clean`: takes away what was made of a project's films, and nothing else.

What is ours: images that the manifest or a journal lists, the two files that tell of them, unfinished work in `temp/`,
and the records. Captions, files set aside, and whatever else lies there stay, with the folders they lie in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from frame_extractor.contract import Cleaned, OutputLayout
from frame_extractor.output.manifest import read_output
from frame_extractor.output.publish import journalled
from frame_extractor.running.attempt import sole_use, work_folders


def clean(layout: OutputLayout, *, dry_run: bool) -> Cleaned:
    """All of it is gone. Raises OutputBusy while an extractor works there, NewerSchema, and OSError.

    Interrupted, it is done by doing it again: the lists go after what they list. With `dry_run` nothing is touched.
    """
    if dry_run or not layout.control.is_dir():
        return _clean(layout, dry_run=dry_run)
    with sole_use(layout, "that cleans it up"):
        return _clean(layout, dry_run=False)


def _clean(layout: OutputLayout, *, dry_run: bool) -> Cleaned:
    images = _images(layout)
    others = [path for path in (layout.manifest, layout.results) if path.is_file()]
    folders = [path for path in _own_folders(layout) if path.is_dir() and not path.is_symlink()]
    rest = [*others, *(file for folder in folders for file in _files(folder))]
    size_bytes = sum(path.lstat().st_size for path in (*images, *rest))
    n_all = sum(1 for _ in _files(layout.folder))
    cleaned = Cleaned(images=len(images), size_bytes=size_bytes, kept=max(0, n_all - len(images) - len(rest)))
    if dry_run:
        return cleaned
    for path in (*images, *others):
        path.unlink(missing_ok=True)
    for folder in folders:
        shutil.rmtree(folder)
    for path in sorted({path.parent for path in images}, reverse=True):
        _remove_if_empty(path)
    for path in (layout.frames_dir, layout.temp, layout.folder):
        _remove_if_empty(path)
    return cleaned


def _images(layout: OutputLayout) -> list[Path]:
    listed = {entry.file for entries in read_output(layout).images.values() for entry in entries}
    paths = (layout.frames_dir / file for file in sorted(listed | journalled(layout)))
    return [path for path in paths if path.is_file() or path.is_symlink()]


def _own_folders(layout: OutputLayout) -> Iterator[Path]:
    """Unfinished work, then the records, the lock among them."""
    yield from work_folders(layout.temp)
    yield layout.control


def _files(folder: Path) -> Iterator[Path]:
    for where, _folders, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
