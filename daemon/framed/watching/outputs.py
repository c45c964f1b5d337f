"""What the disk says of projects' outputs: where each goes, by its settings file, and what is extracted. Blocking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from frame_extractor.contract import OutputLayout
from framed.errors import SettingsError
from framed.model.project import Overrides
from framed.settings.config import output_shared, outputs_in_the_way, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places
from framed.watching.scan import FoundResults, read_results

_State = tuple[int, int, int, int] | None
"""Of a file or folder: device, inode, mtime_ns and size; None when it is not there."""
_N_FIXED = 4
"""Of the paths that are watched: settings file, output folder, `frames/`, results. Then the folders of images."""


class ProjectOutput:
    """One project's, as the last look saw it."""

    def __init__(self, places: Places, settings: LiveSettings, project: str) -> None:
        self.frames_dir = ""
        """Empty when the settings file is wrong."""
        self.settings_error = ""
        self.results: FoundResults | None = None
        self.identity: tuple[object, ...] = ()
        """Changes when another folder takes the place of one of its own."""
        self._places = places
        self._settings = settings
        self._project = project
        self._watched: tuple[str, ...] = (str(places.project_file(project)),)
        self._states: tuple[_State, ...] = ()
        """Of what was watched at the last look."""

    def look(self) -> None:
        """All is as the disk says now; nothing is read of what is as it was."""
        states = _states(self._watched)
        if states == self._states and self.frames_dir:
            return
        if not self.frames_dir or states[0] != self._states[0]:
            self._resolve()
            states = _states(self._watched)
        if self.frames_dir and states[2:] != self._states[2:]:
            # Of the folders known so far: results that name another one are read once more, at the next look.
            self.results = read_results(Path(self.frames_dir)) if states[3] is not None else None
            folders = map(str, self.results.image_folders if self.results is not None else ())
            self._watched = (*self._watched[:_N_FIXED], *folders)
        self._states = states
        self.identity = (self.frames_dir, *(state and state[:2] for state in states[1:3]))

    def _resolve(self) -> None:
        try:
            frames_dir = resolve(self._settings.now, self._places, self._project, Overrides()).frames_dir
        except SettingsError as wrong:
            self.frames_dir, self.settings_error = "", str(wrong)
            self._watched = self._watched[:1]
            return
        if str(frames_dir) != self.frames_dir:
            layout = OutputLayout(frames_dir)
            self._watched = (self._watched[0], *map(str, (frames_dir.parent, frames_dir, layout.results)))
            self._states = ()
        self.frames_dir, self.settings_error = str(frames_dir), ""


class SharedOutputs:
    """Which projects are in the way of each other's output, for as long as they are."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._identities: dict[str, tuple[object, ...]] = {}
        self._errors: dict[str, str] = {}

    def errors(self, outputs: Mapping[str, ProjectOutput]) -> Mapping[str, str]:
        """Project -> what is wrong with where its output goes."""
        identities = {name: output.identity for name, output in outputs.items() if output.frames_dir}
        if identities != self._identities:
            frames_dirs = {name: Path(outputs[name].frames_dir) for name in identities}
            self._errors = {
                name: str(output_shared(self._places, frames_dirs, name, other))
                for name, other in outputs_in_the_way(frames_dirs).items()
            }
            self._identities = identities
        return self._errors


def _states(paths: tuple[str, ...]) -> tuple[_State, ...]:
    return tuple(map(_state, paths))


def _state(path: str) -> _State:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size
