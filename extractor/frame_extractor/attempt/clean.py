"""`frame-extractor clean`: deletes what was made of a project's films, and nothing else.

Deleted are images that the manifest or a journal lists and nobody has changed since, the two files that list them,
unfinished work in `temp/`, and the records. Captions, files set aside, and all other files stay, with their folders.
A folder that the records do not name as their output is refused: it may hold copies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from frame_extractor.attempt.failures import Refused
from frame_extractor.attempt.output_lock import exclusive_use
from frame_extractor.contract.answers import Cleaned
from frame_extractor.contract.durable import entries
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.work_folders import WORK_MARKER, work_folders
from frame_extractor.output.journal import Journal, journals
from frame_extractor.output.manifest import Output, read_output, results_config
from frame_extractor.output.own_files import OwnFiles, has_size


@dataclass(frozen=True)
class Plan:
    """What is to be deleted."""

    images: tuple[Path, ...]
    others: tuple[Path, ...]
    """Files and folders that are ours and not images."""
    cleaned: Cleaned


def plan(layout: OutputLayout, fingerprints: Collection[str] = ()) -> Plan:
    """What `clean`, or `clean_films` where films are named, would delete. Raises Refused, NewerSchema and OSError."""
    output = read_output(layout)
    _require_output(layout, output)
    if fingerprints:
        images = _present(layout, output, fingerprints)
        rest = [folder for fingerprint in fingerprints if (folder := layout.scores / fingerprint).is_dir()]
    else:
        images = _present(layout, output, None)
        rest = [*_lists(layout, output), *_own_folders(layout)]
    size_bytes = sum(_size_bytes(path) for path in (*images, *_files_of(rest)))
    cleaned = Cleaned(images=len(images), size_bytes=size_bytes, kept=_n_others(layout, output))
    return Plan(tuple(images), tuple(rest), cleaned)


def clean(layout: OutputLayout) -> Cleaned:
    """All of it is deleted. Raises OutputBusy while an extractor works there, Refused, NewerSchema, and OSError.

    After an interruption it can be done again: the lists are deleted after what they list.
    """
    with _exclusive_use(layout):
        return _clean(layout)


def clean_films(layout: OutputLayout, fingerprints: Collection[str]) -> Cleaned:
    """What was made of these films is deleted, also from the two files; the rest stays. Raises as `clean`."""
    with _exclusive_use(layout):
        return _clean_films(layout, fingerprints)


def _exclusive_use(layout: OutputLayout) -> contextlib.AbstractContextManager[None]:
    """The folder's lock, where there are records; nothing is created where nothing is ours. Raises Refused."""
    _require_output(layout, read_output(layout))
    return exclusive_use(layout, "that cleans it up") if layout.control.is_dir() else contextlib.nullcontext()


def _clean_films(layout: OutputLayout, fingerprints: Collection[str]) -> Cleaned:
    planned = plan(layout, fingerprints)
    for path in planned.images:
        path.unlink(missing_ok=True)
    for folder in planned.others:
        shutil.rmtree(folder)
    output = read_output(layout)
    for fingerprint in fingerprints:
        output.remove_film(fingerprint)
        Journal(layout, fingerprint).delete()
    if _lists(layout, output):
        output.save(output.config or results_config(ExtractionSettings(), workers=0))
    for folder in sorted({path.parent for path in planned.images} - {layout.frames_dir}, reverse=True):
        _remove_if_empty(folder)
    return planned.cleaned


def _clean(layout: OutputLayout) -> Cleaned:
    planned = plan(layout)
    for path in planned.images:
        path.unlink(missing_ok=True)
    for path in planned.others:
        if path.is_dir():
            _remove_folder(path)
        else:
            path.unlink(missing_ok=True)
    for path in sorted({path.parent for path in planned.images}, reverse=True):
        _remove_if_empty(path)
    for path in (layout.rejected_dir, layout.frames_dir, layout.temp, layout.folder):
        _remove_if_empty(path)
    return planned.cleaned


def _require_output(layout: OutputLayout, output: Output) -> None:
    """Raises Refused where the records beside the folder do not name it as their output."""
    named = {path for path in (output.output_dir, *_specified(layout)) if path}
    if any(_is_the_same(Path(path), layout.frames_dir) for path in named):
        return
    inner = OutputLayout(layout.frames_dir / "frames")
    if named:
        reason = f"the records in {layout.folder} are those of {' and '.join(sorted(named))}"
    elif inner.results.is_file() or inner.control.is_dir():
        reason = f"its images are in {inner.frames_dir}"
    elif not (output.images or output.removed or journals(layout) or _lists(layout, output) or _own_folders(layout)):
        return
    else:
        reason = f"no record in {layout.folder} says whose they are"
    raise Refused(f"{layout.frames_dir} is not a folder of images made by this program: {reason}", ExitCode.USAGE)


class _Specified(msgspec.Struct, frozen=True):
    frames_dir: str = ""


def _specified(layout: OutputLayout) -> Iterator[str]:
    """The `frames_dir` of attempts' specifications."""
    for path in layout.control.glob("attempt-*.spec.json"):
        with contextlib.suppress(OSError, ValueError):
            yield msgspec.json.decode(path.read_bytes(), type=_Specified).frames_dir


def _is_the_same(named: Path, frames_dir: Path) -> bool:
    """Whether `named` is that folder, or was before the output folder was moved."""
    with contextlib.suppress(OSError):
        return os.path.samefile(named, frames_dir)
    return named == frames_dir or (named.name == frames_dir.name and not named.parent.exists())


def _present(layout: OutputLayout, output: Output, fingerprints: Collection[str] | None) -> list[Path]:
    """Images of these films, or of all, that exist and are ours."""
    own = _own(layout, output, fingerprints)
    images = [layout.frames_dir / file for file in sorted(own) if own.is_present(file)]
    marks = [*output.rejected] if fingerprints is None else fingerprints
    rejected = [each for mark in marks for each in output.rejected.get(mark, ()) if each.file and each.size_bytes]
    paths = {layout.rejected_dir / str(each.file): each.size_bytes or 0 for each in rejected}
    return images + sorted(path for path, size_bytes in paths.items() if has_size(path, size_bytes))


def _own(layout: OutputLayout, output: Output, fingerprints: Collection[str] | None) -> OwnFiles:
    of_films = output.order if fingerprints is None else fingerprints
    listed = (entry for fingerprint in of_films for entry in output.entries(fingerprint))
    named = journals(layout) if fingerprints is None else [Journal(layout, fingerprint) for fingerprint in fingerprints]
    return OwnFiles.named_by(layout, listed, named)


def _lists(layout: OutputLayout, output: Output) -> list[Path]:
    """The manifest, what was left out, then the results, unless these are the earlier tool's."""
    ours = [layout.manifest, layout.rejected, *([] if output.earlier_tool_images else [layout.results])]
    return [path for path in ours if path.is_file()]


def _n_others(layout: OutputLayout, output: Output) -> int:
    """How many files in the folder are not ours."""
    n_all = sum(1 for _ in _files(layout.folder))
    n_own = len(_present(layout, output, None)) + len(_files_of([*_lists(layout, output), *_own_folders(layout)]))
    return max(0, n_all - n_own)


def _own_folders(layout: OutputLayout) -> list[Path]:
    """Unfinished work, then the records, the lock among them."""
    folders = [*work_folders(layout), layout.control]
    return [path for path in folders if path.is_dir() and not path.is_symlink()]


def _size_bytes(path: Path) -> int:
    """0 for a file that an extractor has moved or deleted meanwhile: a plan may be made while one works."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _files_of(paths: Collection[Path]) -> list[Path]:
    """Those of the paths that are files, and the files in the others."""
    return [file for path in paths for file in (_files(path) if path.is_dir() else [path])]


def _files(folder: Path) -> Iterator[Path]:
    for where, _folders, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def _remove_folder(folder: Path) -> None:
    """A work folder's marker and the specifications are deleted last: an interrupted deletion can be continued."""
    deleted_last = {path for path in entries(folder) if path.name == WORK_MARKER or path.name.endswith(".spec.json")}
    for path in entries(folder):
        if path not in deleted_last:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
