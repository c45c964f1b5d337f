"""Settings files that are ignored because of a wrong name, such as `onward.yml`. Blocking."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container
from pathlib import Path
from typing import Final

from framed.settings.places import Places, shown_path

_SUFFIXES: Final = (".yaml", ".yml", ".yaml.txt", ".yml.txt")
_MOST_NAMES: Final = 100_000


class MisnamedFiles:
    """The names in the folder of project files, as last read."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._mtime_ns: int | None = None
        self._files: dict[str, list[str]] = {}
        """Project that is probably meant, in lower case -> names of files similar to its settings file."""

    def refresh(self) -> None:
        """Reads the folder again if its modification time has changed. Never raises."""
        try:
            mtime_ns = os.stat(self._places.projects).st_mtime_ns
            if mtime_ns == self._mtime_ns:
                return
            with os.scandir(self._places.projects) as entries:
                names = [entry.name for _, entry in zip(range(_MOST_NAMES), entries, strict=False)]
        except OSError:
            self._files, self._mtime_ns = {}, None
            return
        files: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(names):
            folded = name.casefold()
            for suffix in _SUFFIXES:
                if folded.endswith(suffix) and folded != suffix:
                    files[folded.removesuffix(suffix)].append(name)
                    break
        self._files, self._mtime_ns = files, mtime_ns

    def warnings(self, project: str, projects: Container[str]) -> tuple[str, ...]:
        """A line for each ignored file whose name is similar to that of the project's settings file.

        `projects`: all projects; the file may belong to one whose name differs only in upper and lower case.
        """
        right = self._places.project_file(project)
        names = self._files.get(project.casefold(), ())
        return tuple(
            _warning(right.with_name(name), right, self._places.root, is_there=right.name in names)
            for name in names
            if name != right.name and not (name.endswith(".yaml") and name.removesuffix(".yaml") in projects)
        )


def misnamed_settings_file(places: Places) -> str | None:
    """A line when framed.yaml is missing and there is a file with a similar name; else None."""
    right = places.settings_file
    try:
        names = sorted(os.listdir(right.parent))
    except OSError:
        return None
    probable = {f"{right.stem}{suffix}" for suffix in _SUFFIXES}
    near = [name for name in names if name.casefold() in probable]
    if not near or right.name in near:
        return None
    return _warning(right.with_name(near[0]), right, places.root, is_there=False)


def _warning(wrong: Path, right: Path, root: Path, *, is_there: bool) -> str:
    what_else = f"{right.name} is" if is_there else f"rename it to {right.name}"
    return f"{shown_path(wrong, root)} is not read; {what_else}"
