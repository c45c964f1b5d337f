"""`frame-extractor clean`: takes away what was made of a project's films, and nothing else.

What is ours: images that the manifest or a journal lists, the two files that tell of them, unfinished work in `temp/`,
and the records. Captions, files set aside, and whatever else lies there stay, with the folders they lie in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from frame_extractor.contract import Cleaned, ExtractionSettings, OutputLayout
from frame_extractor.output.manifest import read_output, results_config
from frame_extractor.output.publish import Journal, journalled
from frame_extractor.running.attempt import sole_use, work_folders


def clean(layout: OutputLayout, *, dry_run: bool) -> Cleaned:
    """All of it is gone. Raises OutputBusy while an extractor works there, NewerSchema, and OSError.

    Interrupted, it is done by doing it again: the lists go after what they list. With `dry_run` nothing is touched.
    """
    if dry_run or not layout.control.is_dir():
        return _clean(layout, dry_run=dry_run)
    with sole_use(layout, "that cleans it up"):
        return _clean(layout, dry_run=False)


def clean_films(layout: OutputLayout, fingerprints: Collection[str], *, dry_run: bool) -> Cleaned:
    """What was made of these films is gone, and what the two files tell of them; the rest stays. Raises as `clean`."""
    if dry_run or not layout.control.is_dir():
        return _clean_films(layout, fingerprints, dry_run=dry_run)
    with sole_use(layout, "that cleans it up"):
        return _clean_films(layout, fingerprints, dry_run=False)


def _clean_films(layout: OutputLayout, fingerprints: Collection[str], *, dry_run: bool) -> Cleaned:
    output = read_output(layout)
    listed = {entry.file for mark in fingerprints for entry in output.images.get(mark, ())}
    noted = {name for mark in fingerprints for name in Journal(layout, mark).names()}
    images = _present(layout, listed | noted)
    scores = [folder for mark in fingerprints if (folder := layout.scores / mark).is_dir()]
    sizes = (path.lstat().st_size for path in (*images, *(file for folder in scores for file in _files(folder))))
    cleaned = Cleaned(images=len(images), size_bytes=sum(sizes), kept=_n_others(layout))
    if dry_run:
        return cleaned
    for path in images:
        path.unlink(missing_ok=True)
    for folder in scores:
        shutil.rmtree(folder)
    for mark in fingerprints:
        output.forget(mark)
        Journal(layout, mark).forget()
    if _lists(layout):
        output.save(output.config or results_config(ExtractionSettings(), workers=0))
    for folder in sorted({path.parent for path in images} - {layout.frames_dir}):
        _remove_if_empty(folder)
    return cleaned


def _clean(layout: OutputLayout, *, dry_run: bool) -> Cleaned:
    images, rest = _all_images(layout), _records(layout)
    size_bytes = sum(path.lstat().st_size for path in (*images, *rest))
    cleaned = Cleaned(images=len(images), size_bytes=size_bytes, kept=_n_others(layout))
    if dry_run:
        return cleaned
    for path in (*images, *_lists(layout)):
        path.unlink(missing_ok=True)
    for folder in _own_folders(layout):
        shutil.rmtree(folder)
    for path in sorted({path.parent for path in images}, reverse=True):
        _remove_if_empty(path)
    for path in (layout.frames_dir, layout.temp, layout.folder):
        _remove_if_empty(path)
    return cleaned


def _all_images(layout: OutputLayout) -> list[Path]:
    listed = {entry.file for entries in read_output(layout).images.values() for entry in entries}
    return _present(layout, listed | journalled(layout))


def _present(layout: OutputLayout, files: Collection[str]) -> list[Path]:
    paths = (layout.frames_dir / file for file in sorted(files))
    return [path for path in paths if path.is_file() or path.is_symlink()]


def _records(layout: OutputLayout) -> list[Path]:
    """All that is ours and no image."""
    return [*_lists(layout), *(file for folder in _own_folders(layout) for file in _files(folder))]


def _lists(layout: OutputLayout) -> list[Path]:
    return [path for path in (layout.manifest, layout.results) if path.is_file()]


def _n_others(layout: OutputLayout) -> int:
    """How many files in the folder are not ours."""
    n_all = sum(1 for _ in _files(layout.folder))
    return max(0, n_all - len(_all_images(layout)) - len(_records(layout)))


def _own_folders(layout: OutputLayout) -> list[Path]:
    """Unfinished work, then the records, the lock among them."""
    folders = [*work_folders(layout.temp), layout.control]
    return [path for path in folders if path.is_dir() and not path.is_symlink()]


def _files(folder: Path) -> Iterator[Path]:
    for where, _folders, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
