"""Reads projects' outputs from the disk: the output folder, by the settings file, and what is extracted. Blocking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import Mode, Selection
from framed.errors import SettingsError
from framed.model.project import Overrides
from framed.model.reasons import OutputUnavailable, SettingsInvalid
from framed.settings.config import Settings, resolve
from framed.settings.live_settings import LiveSettings
from framed.settings.mount_guard import why_not_mounted
from framed.settings.outputs import output_shared, outputs_in_the_way, real_paths
from framed.settings.places import Places
from framed.watching.scan import ResultsSummary, read_results

_State = tuple[int, int, int, int] | None
"""Of a file or folder: device, inode, mtime_ns and size; None when it does not exist."""
_N_FIXED = 4
"""Number of paths that are always watched: settings file, output folder, `frames/`, results. Image folders follow."""


class ProjectOutput:
    """One project's output at the last scan."""

    def __init__(self, places: Places, settings: LiveSettings, project: str) -> None:
        self.frames_dir: str | None = None
        """None when the settings file is wrong."""
        self.problem: SettingsInvalid | OutputUnavailable | None = None
        self.subfolders: bool | None = None
        """`watch.subfolders` of the project's own file; None when it is not set there."""
        self.warnings: tuple[str, ...] = ()
        """Entries of the settings file that have no effect, although a user may expect one."""
        self.chooses_distinct = False
        """Whether a submit would choose distinct frames of its shots."""
        self.last_path = ""
        """The path accessed last; while a scan hangs, the one that it hangs on."""
        self.real_paths: dict[Path, str] = {}
        """Of `frames/` and its parent folder, with links followed, at the last scan."""
        self.results: ResultsSummary | None = None
        self.identity: tuple[object, ...] = ()
        """Changes when one of its folders is replaced by another."""
        self._places = places
        self._settings = settings
        self._project = project
        self._resolved_from: Settings | None = None
        self._watched: tuple[str, ...] = (str(places.project_file(project)),)
        self._states: tuple[_State, ...] = ()
        """Of the watched paths at the last scan."""

    def refresh(self) -> None:
        """Reads again what has changed on the disk."""
        states = self._states_now()
        is_resolved = self.frames_dir is not None and self._resolved_from is self._settings.now
        if states == self._states and is_resolved and self.problem is None:
            return
        if not is_resolved or states[0] != self._states[0]:
            self._resolve()
            states = self._states_now()
        frames_dir = None if self.frames_dir is None else Path(self.frames_dir)
        if frames_dir is not None and states[2:] != self._states[2:]:
            # With the folders known so far: results that name another folder are read again at the next scan.
            self.results = read_results(frames_dir) if states[3] is not None else None
            folders = map(str, self.results.image_folders if self.results is not None else ())
            self._watched = (*self._watched[:_N_FIXED], *folders)
        self._states = states
        self.identity = (self.frames_dir, *(state and state[:2] for state in states[1:3]))
        if frames_dir is not None:
            self.real_paths = real_paths(frames_dir)
            self.problem = self._why_not_mounted(frames_dir)

    def _why_not_mounted(self, frames_dir: Path) -> OutputUnavailable | None:
        """Of an output outside the root that does not exist: it must not be created in place of an unmounted disk."""
        if self._states[1] is not None or frames_dir.is_relative_to(self._places.root):
            return None
        why = why_not_mounted(frames_dir, self._places)
        return OutputUnavailable(folder=str(frames_dir), message=why) if why is not None else None

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
        self._resolved_from = self._settings.now
        try:
            found = resolve(self._resolved_from, self._places, self._project, Overrides())
        except SettingsError as wrong:
            self.frames_dir, self.problem, self.warnings = None, settings_invalid(wrong), ()
            self._watched = self._watched[:1]
            return
        frames_dir, self.subfolders, self.warnings = found.frames_dir, found.own_subfolders, found.warnings
        self.chooses_distinct = found.extraction.selection is Selection.DISTINCT and (
            found.extraction.mode is not Mode.INTERVAL
        )
        if str(frames_dir) != self.frames_dir:
            layout = OutputLayout(frames_dir)
            self._watched = (self._watched[0], *map(str, (frames_dir.parent, frames_dir, layout.results)))
            self._states = ()
        self.frames_dir, self.problem = str(frames_dir), None


class SharedOutputs:
    """Conflicts between the outputs of projects."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._identities: dict[str, tuple[object, ...]] = {}
        self._errors: dict[str, SettingsInvalid] = {}

    def errors(self, outputs: Mapping[str, ProjectOutput]) -> Mapping[str, SettingsInvalid]:
        """Project -> the conflict of its output with another's."""
        frames_dirs = {name: Path(each.frames_dir) for name, each in outputs.items() if each.frames_dir is not None}
        identities = {name: outputs[name].identity for name in frames_dirs}
        if identities != self._identities:
            real = {path: path_now for name in frames_dirs for path, path_now in outputs[name].real_paths.items()}
            self._errors = {
                name: settings_invalid(output_shared(self._places, frames_dirs, name, other, real))
                for name, other in outputs_in_the_way(frames_dirs, real).items()
            }
            self._identities = identities
        return self._errors


def settings_invalid(wrong: SettingsError) -> SettingsInvalid:
    """The error as a reason."""
    return SettingsInvalid(
        file=None if wrong.file is None else str(wrong.file),
        line=wrong.line,
        key=wrong.key or None,
        message=wrong.message,
    )
