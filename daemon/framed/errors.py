"""The expected failures, each a type with fields and a message of one line; and the exit codes.

A message says what happened, to what, and what to do next. Nothing here reads a file or prints.
"""

from __future__ import annotations

import difflib
import enum
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

_NAMED: Final = 6
"""Most projects or films that a message names."""


class Exit(enum.IntEnum):
    """Exit codes of `framed` and `framectl`. Scripts depend on them: their meaning never changes."""

    OK = 0
    FAILED = 1
    """A job failed; for `framed`, the daemon failed."""
    USAGE = 2
    """The command line or a settings file is wrong."""
    UNREACHABLE = 3
    """No daemon answers."""
    NO_PROJECT = 4
    """No such project, or no film in it."""
    PROTOCOL_MISMATCH = 5
    """The daemon is of another version."""
    REFUSED = 6
    """A valid request that is not possible now, in this way, or for this user."""
    CANCELLED = 7
    """The job waited for was cancelled."""
    TIMED_OUT = 124
    """`wait` timed out; the job continues."""
    INTERRUPTED = 130
    """Ctrl-C."""


class FramedError(Exception):
    """An expected failure. `str()` of it is one line for a person."""

    exit_code: Exit = Exit.FAILED


class SettingsError(FramedError):
    """A settings file or an option is invalid."""

    exit_code = Exit.USAGE

    def __init__(self, file: Path | None, key: str, message: str, line: int | None = None) -> None:
        """`file` is None for the command line; `key` is dotted, and empty for an error of the file as such."""
        self.file = file
        self.key = key
        self.message = message
        self.line = line
        where = "" if file is None else f"{file}:{line}: " if line else f"{file}: "
        super().__init__(f"{where}{key}: {message}" if key else f"{where}{message}")


class RootNotFound(FramedError):
    """No root is given by an option, the environment or the current folder."""

    exit_code = Exit.UNREACHABLE

    def __init__(self, current: Path) -> None:
        self.current = current
        super().__init__(
            f"no framed is running, and {current} is not a root (it has neither raw_videos/ nor configs/framed.yaml); "
            "cd to the root, or give --root DIR or FRAMED_ROOT"
        )


class RootAmbiguous(FramedError):
    """Several daemons of this user are running, and none was chosen."""

    exit_code = Exit.USAGE

    def __init__(self, roots: Iterable[Path]) -> None:
        self.roots = tuple(roots)
        named = ", ".join(str(root) for root in self.roots)
        super().__init__(f"{len(self.roots)} daemons are running; choose one with --root: {named}")


class RootMissing(FramedError):
    """The folder given as root does not exist, or is not a folder."""

    exit_code = Exit.USAGE

    def __init__(self, root: Path, why: str, source: str) -> None:
        self.root = root
        super().__init__(f"root {root} (from {source}): {why}")


class RootOfAnother(FramedError):
    """The root user was asked to act on another user's root."""

    exit_code = Exit.REFUSED

    def __init__(self, root: Path, uid: int, name: str | None) -> None:
        """`name` is None for a user without one."""
        self.root = root
        self.uid = uid
        self.name = name
        who = f"{name} (uid {uid})" if name else f"uid {uid}"
        how = f"runuser -u {name} -- COMMAND" if name else f"setpriv --reuid={uid} --clear-groups COMMAND"
        super().__init__(
            f"the root {root} belongs to {who}; the root user is refused, because files there could make it do "
            f"anything; run the same command as the owner: {how}"
        )


class PlaceNotUsable(FramedError):
    """A folder that framed needs cannot be created or used."""

    exit_code = Exit.REFUSED

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path}: {why}")


class NoSuchProject(FramedError):
    """raw_videos has no folder of that name."""

    exit_code = Exit.NO_PROJECT

    def __init__(self, name: str, raw_videos: Path, known: Iterable[str]) -> None:
        self.name = name
        # A project whose folder was removed may still be known.
        known = tuple(each for each in known if each != name)
        self.nearest = nearest(name, known)
        super().__init__(f"no project {name!r} in {raw_videos}{self._hint(raw_videos, sorted(known))}")

    def _hint(self, raw_videos: Path, known: list[str]) -> str:
        if self.nearest:
            return f"; did you mean {self.nearest!r}?"
        if known:
            return f"; there are {listed(known)}"
        return f"; create {raw_videos / self.name}/ and put a film in it" if is_one_name(self.name) else ""


class NoFilm(FramedError):
    """The project's folder holds no film."""

    exit_code = Exit.NO_PROJECT

    def __init__(self, folder: Path, suffixes: Iterable[str], skipped: str | None = None) -> None:
        """`skipped`: what was skipped there, and what to do about it; None when nothing was."""
        self.folder = folder
        what_to_do = skipped or f"put one there ({' '.join(sorted(suffixes))})"
        super().__init__(f"no video file in {folder}; {what_to_do}")


class DaemonUnreachable(FramedError):
    """Nothing answers on the control socket."""

    exit_code = Exit.UNREACHABLE

    def __init__(self, why: str, remedy: str) -> None:
        """Both are complete clauses."""
        self.why = why
        super().__init__(f"{why}; {remedy}")


class Refused(FramedError):
    """A valid request that is not possible now or in this way."""

    exit_code = Exit.REFUSED


class AlreadyRunning(FramedError):
    """Another daemon holds this root."""

    exit_code = Exit.REFUSED

    def __init__(self, pid: int | None, root: Path) -> None:
        self.pid = pid
        self.root = root
        who = f"pid {pid}" if pid is not None else "pid unknown"
        super().__init__(
            f"framed is already running for {root} ({who}); see: framectl status, or end it with: framed stop"
        )


class LockLost(FramedError):
    """The daemon's lock file was removed or replaced: another daemon may have started on the root."""

    def __init__(self, lock_file: Path, root: Path) -> None:
        self.lock_file = lock_file
        self.root = root
        super().__init__(
            f"the lock file {lock_file} was removed or replaced while this daemon ran: its state folder was moved or "
            "deleted, and another daemon could start here at any time, so this one ends. Running films continue. Put "
            f"the state back and use `framed start`, or rebuild it from the datasets: framed start --recover --root "
            f"{shlex.quote(str(root))}"
        )


class TmuxMissing(FramedError):
    """There is no tmux on the PATH."""

    exit_code = Exit.REFUSED

    def __init__(self) -> None:
        super().__init__("tmux is not installed or not on the PATH; install it (Debian, Ubuntu: sudo apt install tmux)")


class StoreDamaged(FramedError):
    """The state database cannot be read; it was set aside, and not replaced."""

    def __init__(self, store: Path, set_aside: Path | None, why: str) -> None:
        """`set_aside` is None when it could not be moved."""
        self.store = store
        self.set_aside = set_aside
        self.why = why
        kept = f"; it is kept as {set_aside}" if set_aside else ""
        super().__init__(
            f"the state database {store} is damaged ({why}){kept}. To rebuild it from the datasets: framed start "
            f"--recover (to start with an empty one, move {set_aside or store} elsewhere)"
        )


class StoreNotUnderstood(FramedError):
    """The state database is intact, but was written by another version; it was not changed."""

    exit_code = Exit.REFUSED

    def __init__(self, store: Path, why: str) -> None:
        self.store = store
        self.why = why
        super().__init__(
            f"this framed cannot read the state database {store}: {why}; nothing was changed. Start the version that "
            "wrote it, or rebuild it from the datasets: framed start --recover"
        )


def listed(names: Sequence[str]) -> str:
    """`a, b and 4 more`, short enough for a message."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that was probably meant, ignoring case; None when none is similar.

    `cutoff`: required similarity, from 0 to 1.
    """
    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def is_utf8(name: str) -> bool:
    """Whether the name is UTF-8: a file's name may be other bytes, which JSON cannot contain."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_one_name(name: str) -> bool:
    """Whether it can be the name of one visible folder, and is not a path."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name
