"""Where everything is: the root, its folders, the state folder and the sockets.

All of it is computed from the root, `paths:` in its framed.yaml, the environment and the mount table, so that the
daemon and every command come to the same answer without asking each other. Only `make_...` functions change anything.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from framed.errors import PlaceNotUsable, RootAmbiguous, RootMissing, RootNotFound, is_utf8
from framed.private_files import check_root_folder, make_private
from framed.runtime_dir import fallback_dir, runtime_dir

LONGEST_SOCKET_PATH_BYTES: Final = 107
"""Linux gives a Unix socket's path 108 bytes, one of them for the closing NUL."""

_WITHOUT_LOCKS_OR_SOCKETS: Final = frozenset(
    {"9p", "drvfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "vfat", "exfat"},
)
"""File systems on which SQLite's WAL, flock or a Unix socket cannot be relied on."""

_SOCKET_NAMES: Final = ("control.sock", "tmux.sock")


class PathSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`paths:` of framed.yaml. Relative ones are relative to the root; ~ and ${NAME} are replaced."""

    raw_videos: str = "raw_videos"
    datasets: str = "datasets"
    projects: str = "configs/projects"
    logs: str = "logs/frame_extraction"
    state: str = "state"


@dataclass(frozen=True)
class Places:
    """One root's folders and files; all absolute."""

    root: Path
    raw_videos: Path
    datasets: Path
    projects: Path
    logs: Path
    state: Path
    sockets: Path
    """`state`, or a folder in the runtime directory where that path is too long for a socket."""

    @property
    def settings_file(self) -> Path:
        return settings_file(self.root)

    @property
    def control_socket(self) -> Path:
        return self.sockets / _SOCKET_NAMES[0]

    @property
    def tmux_socket(self) -> Path:
        return self.sockets / _SOCKET_NAMES[1]

    @property
    def tmux_config(self) -> Path:
        return self.state / "tmux.conf"

    @property
    def lock_file(self) -> Path:
        """Held (flock) by the running daemon, which writes its pid into it."""
        return self.state / "lock"

    @property
    def store(self) -> Path:
        return self.state / "framed.db"

    @property
    def completion_log(self) -> Path:
        return self.logs / "completion_notifications.log"

    def films_dir(self, project: str) -> Path:
        """Where the project's films are dropped."""
        return self.raw_videos / project

    def project_file(self, project: str) -> Path:
        return self.projects / f"{project}.yaml"

    def frames_dir(self, project: str) -> Path:
        """Where the project's images go, unless its own settings say otherwise."""
        return self.datasets / project / "frames"

    @property
    def state_is_elsewhere(self) -> bool:
        """Whether state is outside the root because the root's file system cannot hold it."""
        return self.state.name == _hash(self.root) and not self.state.is_relative_to(self.root)


def shown_path(file: Path, root: Path) -> str:
    """A file's path as shown to people: relative to the root if it is inside."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def settings_file(root: Path) -> Path:
    return root / "configs" / "framed.yaml"


def find_root(explicit: str | None, environ: Mapping[str, str], *, fresh: bool = False) -> Path:
    """The root that is meant, absolute and without symbolic links.

    It is `explicit` (--root), else $FRAMED_ROOT, else the current folder when it is a root, else the root of this
    user's only running daemon. With `fresh` (framed start) the current folder need not be a root yet, nor the named
    one exist. Raises RootMissing, RootNotFound, RootAmbiguous.
    """
    for given, source in ((explicit, "--root"), (environ.get("FRAMED_ROOT"), "FRAMED_ROOT")):
        if given:
            return _existing(Path(given).expanduser(), source, fresh=fresh)
    try:
        current = Path.cwd()
    except FileNotFoundError:
        raise RootMissing(Path(environ.get("PWD", ".")), "it was removed; cd elsewhere", "the current folder") from None
    if fresh or (current / "raw_videos").is_dir() or settings_file(current).is_file():
        return _existing(current, "the current folder", fresh=fresh)
    from framed.running_daemons import running_roots  # noqa: PLC0415 -- rarely needed, and it imports json

    roots = running_roots(environ)
    if len(roots) == 1:
        return roots[0]
    raise RootAmbiguous(roots) if roots else RootNotFound(current)


def load_places(root: Path, environ: Mapping[str, str] | None = None) -> Places:
    """The root's places, by `paths:` of its framed.yaml. Raises SettingsError."""
    env = os.environ if environ is None else environ
    given = _paths_of(root, env)
    state = given["state"]
    if filesystem_type(state, mounts()) in _WITHOUT_LOCKS_OR_SOCKETS:
        state = _state_home(env) / "framed" / _hash(root)
    return Places(
        root=root,
        raw_videos=given["raw_videos"],
        datasets=given["datasets"],
        projects=given["projects"],
        logs=given["logs"],
        state=state,
        sockets=_sockets_folder(state, env),
    )


def make_folders(places: Places) -> tuple[Path, ...]:
    """Every folder of the root is there, state and sockets private; returns those of the user that were made.

    Outside the root only the last folder of a path is made: more missing than that is a disk that is not mounted.
    Raises PlaceNotUsable, RootOfAnother.
    """
    check_root_folder(places.root)
    made = []
    for folder in (places.root, places.raw_videos, places.datasets, places.projects, places.logs):
        if os.path.isdir(folder):
            continue
        if not folder.is_relative_to(places.root) and not os.path.isdir(folder.parent):
            raise PlaceNotUsable(folder, "is not there, nor is the folder above it; is the disk mounted?")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as failed:
            raise PlaceNotUsable(folder, f"cannot be made: {failed.strerror}") from None
        made.append(folder)
    make_private(places.state)
    if places.sockets != places.state:
        make_private(places.sockets.parent)
        make_private(places.sockets)
    return tuple(made)


@dataclass(frozen=True)
class Mount:
    """One line of the table of mounts."""

    point: str
    kind: str | None
    """Type of its file system; None where the table does not say."""


def filesystem_type(path: Path, mountinfo: str) -> str | None:
    """The type of the file system that `path` is or would be on; None when the table does not have it."""
    return mount_of(path, mountinfo).kind


def mount_of(path: Path, mountinfo: str) -> Mount:
    """Where the file system that `path` is or would be on is mounted. `mountinfo`: see `mounts`."""
    real = os.path.realpath(path)
    found = Mount("", None)
    for mount in _table(mountinfo):
        if (real == mount.point or real.startswith(mount.point + "/")) and len(mount.point) >= len(found.point):
            found = mount
    return found


def is_mount_point(point: str, mountinfo: str) -> bool:
    """Whether something is mounted there. `mountinfo`: see `mounts`."""
    return any(mount.point == point for mount in _table(mountinfo))


@functools.lru_cache(maxsize=2)
def _table(mountinfo: str) -> tuple[Mount, ...]:
    """One root may have a thousand projects, and each is asked for."""
    found = []
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) >= 5:
            found.append(Mount(unescaped(fields[4]).rstrip("/"), source.split(" ", 1)[0]))
    return tuple(found)


def _paths_of(root: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    defaults = PathSettings()
    texts = {name: str(getattr(defaults, name)) for name in PathSettings.__struct_fields__}
    if os.path.lexists(settings_file(root)):
        from framed.settings.settings_file import check, expanded, read_sections  # noqa: PLC0415 -- it imports yaml

        section = read_sections(settings_file(root), ["paths"], others_allowed=True)["paths"]
        texts |= {name: expanded(section, name, environ) for name in check(section, PathSettings)}
    return {name: Path(os.path.abspath(root / text)) for name, text in texts.items()}


def _existing(root: Path, source: str, *, fresh: bool) -> Path:
    if not is_utf8(os.path.realpath(root)):
        raise RootMissing(root, "its path is not UTF-8; rename the folder", source)
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except FileNotFoundError:
        if fresh and os.path.isdir(root.absolute().parent):
            return root.resolve()
        raise RootMissing(root, "no such folder", source) from None
    except OSError as failed:
        raise RootMissing(root, str(failed.strerror), source) from None
    if not is_folder:
        raise RootMissing(root, "is no folder", source)
    return root.resolve()


def _sockets_folder(state: Path, environ: Mapping[str, str]) -> Path:
    short = runtime_dir(environ) / _hash(state)
    return next((folder for folder in (state, short) if _sockets_fit(folder)), fallback_dir() / _hash(state))


def _sockets_fit(folder: Path) -> bool:
    return all(len(os.fsencode(folder / name)) <= LONGEST_SOCKET_PATH_BYTES for name in _SOCKET_NAMES)


def _state_home(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_STATE_HOME", "")
    return Path(given) if os.path.isabs(given) else Path(environ.get("HOME") or Path.home()) / ".local" / "state"


def mounts() -> str:
    """The text of /proc/self/mountinfo; empty when it cannot be read."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def unescaped(field: str) -> str:
    """A mount point as the kernel means it: it writes space, tab, newline and backslash as octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _hash(path: Path) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
