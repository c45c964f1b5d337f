"""The list of this user's running daemons: one small file each, in the runtime directory.

A file left behind by a daemon that died is not believed: a daemon runs when its socket takes a connection. (The lock
would show it as well, but trying it could make a daemon that starts just then find the lock taken.)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from frame_extractor.contract.regular import read_regular
from framed.errors import PlaceNotUsable
from framed.private_files import check_owner, is_trusted, make_private, replace_file
from framed.runtime_dir import runtime_dir

_MOST_BYTES: Final = 1 << 16


@contextlib.contextmanager
def registered(root: Path, control_socket: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Within, commands given elsewhere find this daemon. Enter it once the lock is held. Raises PlaceNotUsable."""
    folder = _folder(environ)
    make_private(folder.parent)
    make_private(folder)
    entry = folder / f"{hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()}.json"
    content = json.dumps({"root": str(root), "socket": str(control_socket), "pid": os.getpid()})
    try:
        replace_file(entry, content.encode())
    except OSError as failed:
        raise PlaceNotUsable(entry, f"cannot be written: {failed.strerror}") from None
    try:
        yield
    finally:
        # That of a daemon which has come into this one's place stays.
        with contextlib.suppress(OSError):
            if entry.read_bytes() == content.encode():
                entry.unlink()


def running_roots(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The roots of this user's daemons that take connections now, in order."""
    folder = _folder(environ)
    try:
        check_owner(folder.parent)
        check_owner(folder)
        entries = sorted(entry for entry in folder.glob("*.json") if is_trusted(entry.lstat().st_uid))
    except (OSError, PlaceNotUsable):
        return ()
    return tuple(sorted(root for entry in entries if (root := _root_if_alive(entry)) is not None))


def _root_if_alive(entry: Path) -> Path | None:
    try:
        known = json.loads(read_regular(entry, _MOST_BYTES))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(known["socket"])
        return Path(known["root"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(environ: Mapping[str, str]) -> Path:
    return runtime_dir(environ) / "running"
