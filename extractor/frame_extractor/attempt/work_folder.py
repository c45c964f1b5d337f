"""The folder in `temp/` that an attempt works in, and the pictures that it adopts from those of killed attempts."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from frame_extractor.attempt.failures import OutputUnusable
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.durable import entries
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.work_folders import WORK_MARKER, remove_if_empty, work_folders


@contextlib.contextmanager
def work_folder(spec: AttemptSpec, is_superseded: Callable[[], bool]) -> Iterator[Path]:
    """A folder in `temp/` for this attempt, with one in it for each film; an empty `temp/` is deleted at the end.

    What attempts leave there stays while the next one can use it, see `adopt_pictures`. Nothing else is touched: `-o`
    may name a folder that has a `temp` of its own. An attempt that is superseded deletes its own folder and no other.
    Raises OutputUnusable when there is a folder of that name that this program has not made.
    """
    _delete_useless(spec.layout)
    folder = spec.layout.work_folder(spec.attempt)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise OutputUnusable(f"{folder} is in the way and was not made by this program; rename it") from None
    try:
        (folder / WORK_MARKER).write_text(f"attempt {spec.attempt} of job {spec.job_id}\n", encoding="utf-8")
        yield folder
    finally:
        if is_superseded():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _delete_useless(spec.layout)


def adopt_pictures(layout: OutputLayout, work_folder: Path, place: Path, names: Collection[str]) -> Path:
    """The folder at `place` in the work folder; pictures of these names that killed attempts left there are in it now.

    What else they left there is deleted.
    """
    own = work_folder / place
    own.mkdir(parents=True)
    for other in work_folders(layout):
        if other == work_folder:
            continue
        for path in entries(other / place):
            if path.name in names:
                os.replace(path, own / path.name)
        shutil.rmtree(other / place.parts[0], ignore_errors=True)
    return own


def _delete_useless(layout: OutputLayout) -> None:
    """Pictures of films without a cached span are deleted, and work folders that are empty."""
    for work_folder in work_folders(layout):
        for of_film in entries(work_folder):
            if of_film.is_dir() and not any((layout.scores / of_film.name).glob("*/span-*")):
                shutil.rmtree(of_film, ignore_errors=True)
        remove_if_empty(work_folder)
    with contextlib.suppress(OSError):
        layout.temp.rmdir()
