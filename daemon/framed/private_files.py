"""Checks who owns a folder, and reads and writes files that no other user can have planted or redirected.

In a folder that others may write to, as /tmp, every name that can be guessed may be taken before by somebody else's
folder or link. Root is no exception: what others own decides nothing for it, and nothing is written through it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import threading
from pathlib import Path

from frame_extractor.contract.regular import open_regular
from framed.errors import PlaceNotUsable, RootOfAnother

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_private(folder: Path) -> None:
    """`folder` and what lies in it belong to this user, and no other user can read it. Raises PlaceNotUsable."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.isdir(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        opened = _opened(folder)
        try:
            if stat.S_IMODE(os.fstat(opened).st_mode) & 0o077:
                os.fchmod(opened, 0o700)
            # What others have put into it while it was open to them could lead anywhere.
            for name in os.listdir(opened):
                # Other daemons of this user replace and remove their files in it.
                with contextlib.suppress(FileNotFoundError):
                    _check(folder / name, os.stat(name, dir_fd=opened, follow_symlinks=False))
        finally:
            os.close(opened)
    except OSError as failed:
        raise PlaceNotUsable(folder, f"cannot be made private: {failed.strerror}") from None


def check_owner(folder: Path) -> None:
    """Raises PlaceNotUsable when the folder is not this user's or root's; OSError when it is not there.

    In a shared /tmp somebody else may have made it first, to be talked to in the daemon's place.
    """
    os.close(_opened(folder))


def replace_file(path: Path, content: bytes) -> None:
    """`path` holds `content`, all of it or what it held before. Its folder is a private one. Raises OSError.

    May be called from several threads at once: the last one wins.
    """
    folder = _opened(path.parent)
    temporary = f".{path.name}.{os.getpid()}-{threading.get_ident()}"
    try:
        try:
            file = os.open(temporary, _NEW_FILE, 0o600, dir_fd=folder)
        except FileExistsError:
            # Left by a process that died here, and whose pid and thread came again.
            os.unlink(temporary, dir_fd=folder)
            file = os.open(temporary, _NEW_FILE, 0o600, dir_fd=folder)
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
        os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def append_to(path: str | Path, text: str) -> None:
    """The text is at the end of the file, which is made when missing. Raises OSError: for a link, for a pipe."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(open_regular(path, flags), "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def check_root_folder(root: Path) -> None:
    """Raises RootOfAnother when this user is root and the root is somebody else's. One that is not there is nobody's.

    What its owner puts there decides what is read, written and executed: root would act for that user.
    """
    if os.geteuid() == 0:
        try:
            uid = root.stat().st_uid
        except OSError:
            return
        if uid != 0:
            raise RootOfAnother(root, uid, user_name(uid))


def user_name(uid: int) -> str | None:
    """None for one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def user_text(uid: int) -> str:
    """`eve, uid 1001`."""
    return ", ".join(each for each in (user_name(uid), f"uid {uid}") if each)


def is_trusted(uid: int) -> bool:
    """Whether what this user has made may be believed: it is this user, or root."""
    return uid in (os.geteuid(), 0)


def _opened(folder: Path) -> int:
    """A descriptor of the folder, which is this user's or root's, as is the link to it if it is one."""
    _check(folder, folder.lstat())
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(folder, os.fstat(opened))
    except PlaceNotUsable:
        os.close(opened)
        raise
    return opened


def _check(path: Path, found: os.stat_result) -> None:
    if not is_trusted(found.st_uid):
        raise PlaceNotUsable(
            path,
            f"belongs to another user ({user_text(found.st_uid)}) and is not trusted; run framed as that user, or "
            "remove it if it is none of yours",
        )
