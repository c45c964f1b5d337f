"""What the disk says of projects' outputs: where each goes, by its settings file, and what is extracted. Blocking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from frame_extractor.contract.layout import OutputLayout
from framed.errors import SettingsError
from framed.model.project import Overrides
from framed.settings.config import resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.mount_guard import why_not_mounted
from framed.settings.outputs import output_shared, outputs_in_the_way, real_paths
from framed.settings.places import Places
from framed.watching.scan import ResultsSummary, read_results

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
        self.subfolders: bool | None = None
        """What the project's own file says of `watch.subfolders`; None when it does not."""
        self.warnings: tuple[str, ...] = ()
        """What is in the settings file and has no effect, though it looks as if it should."""
        self.last_path = ""
        """The path that the disk was asked about last: the one that it does not answer about, where it does not."""
        self.real_paths: dict[Path, str] = {}
        """Of `frames/` and the folder it is in, with links followed; as the last look found them."""
        self.results: ResultsSummary | None = None
        self.identity: tuple[object, ...] = ()
        """Changes when another folder takes the place of one of its own."""
        self._places = places
        self._settings = settings
        self._project = project
        self._watched: tuple[str, ...] = (str(places.project_file(project)),)
        self._states: tuple[_State, ...] = ()
        """Of what was watched at the last look."""

    def refresh(self) -> None:
        """All is as the disk says now; nothing is read of what is as it was."""
        states = self._states_now()
        if states == self._states and self.frames_dir and not self.settings_error:
            return
        if not self.frames_dir or states[0] != self._states[0]:
            self._resolve()
            states = self._states_now()
        if self.frames_dir and states[2:] != self._states[2:]:
            # Of the folders known so far: results that name another one are read once more, at the next look.
            self.results = read_results(Path(self.frames_dir)) if states[3] is not None else None
            folders = map(str, self.results.image_folders if self.results is not None else ())
            self._watched = (*self._watched[:_N_FIXED], *folders)
        self._states = states
        self.identity = (self.frames_dir, *(state and state[:2] for state in states[1:3]))
        if self.frames_dir:
            self.real_paths = real_paths(Path(self.frames_dir))
            self.settings_error = self._why_not_mounted()

    def _why_not_mounted(self) -> str:
        """Of an output outside the root that is not there: nobody is to make it in the place of a disk."""
        if self._states[1] is not None or Path(self.frames_dir).is_relative_to(self._places.root):
            return ""
        why = why_not_mounted(Path(self.frames_dir), self._places)
        return f"the images would go to {self.frames_dir}: {why}" if why else ""

    def _states_now(self) -> tuple[_State, ...]:
        return tuple(map(self._state, self._watched))

    def _state(self, path: str) -> _State:
        self.last_path = path
        try:
            stat = os.stat(path)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _resolve(self) -> None:
        try:
            found = resolve(self._settings.now, self._places, self._project, Overrides())
        except SettingsError as wrong:
            self.frames_dir, self.settings_error, self.warnings = "", str(wrong), ()
            self._watched = self._watched[:1]
            return
        frames_dir, self.subfolders, self.warnings = found.frames_dir, found.own_subfolders, found.warnings
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
            real = {path: path_now for name in identities for path, path_now in outputs[name].real_paths.items()}
            self._errors = {
                name: str(output_shared(self._places, frames_dirs, name, other, real))
                for name, other in outputs_in_the_way(frames_dirs, real).items()
            }
            self._identities = identities
        return self._errors
