"""The output folders of projects, and conflicts between them. Blocking where noted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings
from framed.errors import SettingsError
from framed.model.project import Overrides
from framed.patience import Patience
from framed.settings.config import JobSettings, Settings, resolve
from framed.settings.places import Places

_PATIENCE: Final = Patience[str](1.0)
"""Shared by the process, so that an unresponsive disk is waited for only once."""


class Outputs:
    """The output folders of several projects. Reads the settings of each once; blocking.

    Projects with wrong settings, or with a disk that does not answer, are left out.
    """

    def __init__(self, settings: Settings, places: Places, projects: Iterable[str]) -> None:
        self._places = places
        answers = _PATIENCE.each(projects, lambda project: _located(settings, places, project))
        found = {project: where for project, where in answers.items() if where is not None}
        self._frames_dirs = {project: job.frames_dir for project, (job, _) in found.items()}
        self._requested = {project: job.requested for project, (job, _) in found.items()}
        self._real_paths = {path: real for _, paths in found.values() for path, real in paths.items()}
        self._in_the_way = outputs_in_the_way(self._frames_dirs, self._real_paths)

    def extraction(self, overrides: Overrides) -> Mapping[str, ExtractionSettings]:
        """Project -> the settings of a submit; without projects with wrong ones. `overrides` are not checked."""
        given = {name: value for name, value in msgspec.structs.asdict(overrides).items() if value is not None}
        resolved = {}
        for name, requested in self._requested.items():
            with contextlib.suppress(ValueError):
                resolved[name] = msgspec.structs.replace(requested, **given).resolved
        return resolved

    def check(self, project: str) -> None:
        """Raises SettingsError when another project's output conflicts with this one's."""
        other = self._in_the_way.get(project)
        if other is not None:
            raise output_shared(self._places, self._frames_dirs, project, other, self._real_paths)


def real_paths(frames_dir: Path) -> dict[Path, str]:
    """The real paths of `frames/` and its parent folder. Blocking."""
    return {path: os.path.realpath(path) for path in (frames_dir, frames_dir.parent)}


def _located(settings: Settings, places: Places, project: str) -> tuple[JobSettings, dict[Path, str]] | None:
    try:
        job = resolve(settings, places, project, Overrides())
    except SettingsError:
        return None
    return job, real_paths(job.frames_dir)


def outputs_in_the_way(outputs: Mapping[str, Path], real: Mapping[Path, str]) -> dict[str, str]:
    """Project -> another project whose output conflicts with its own, for each that has such a conflict.

    A project owns its `frames/` and framed's folders beside it; no other project may write there. `outputs`: their
    `frames/`. `real`: see `real_paths`.
    """
    folders = {name: real[frames_dir.parent] for name, frames_dir in outputs.items()}
    owners: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, frames_dir in outputs.items():
        layout = OutputLayout(Path(folders[name], frames_dir.name))
        # The folder itself (marked by a trailing separator) may not be shared, but may contain other outputs.
        for own in (real[frames_dir], str(layout.temp), str(layout.control), folders[name] + os.sep):
            other = owners.setdefault(own, name)
            if other != name:
                found |= {name: other, other: found.get(other, name)}
    for name, folder in folders.items():
        for above in (folder, *map(str, Path(folder).parents)):
            other = owners.get(above, name)
            if other != name:
                found |= {name: other, other: found.get(other, name)}
    return found


def output_shared(
    places: Places, outputs: Mapping[str, Path], project: str, other: str, real: Mapping[Path, str]
) -> SettingsError:
    """The error for two projects with the same output folder, or one inside the other."""
    blamed = project if outputs[project] != places.frames_dir(project) else other
    folder, theirs = (real[outputs[name].parent] for name in (project, other))
    both = " and ".join(repr(name) for name in sorted((project, other)))
    way_out = f"give each its own, as in {outputs[blamed].parent / blamed / 'frames'}"
    message = f"{outputs[project].parent} would be the output folder of both {both}; {way_out}"
    if folder != theirs:
        inner, outer = (project, other) if len(folder) > len(theirs) else (other, project)
        message = f"the output of {inner!r}, {outputs[inner].parent}, is inside that of {outer!r}; give it another"
        blamed = inner if outputs[inner] != places.frames_dir(inner) else outer
    return SettingsError(places.project_file(blamed), "paths.frames", message)
