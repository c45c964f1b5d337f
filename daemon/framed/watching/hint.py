"""The file system's own notifications, as a hint that a scan is worth while. The scan is the truth, not they.

Not used where they do not come: 9p and drvfs (/mnt/c under WSL2), NFS and SMB.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import watchfiles

from framed.log import fields
from framed.settings.places import filesystem_type

_log: Final = logging.getLogger(__name__)

_SILENT: Final = frozenset({"9p", "drvfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "virtiofs", "vboxsf", "fuse.sshfs"})

_PAUSE_S: Final = 1.0
"""After notifications broke off, until they are asked for anew."""


def notifies(folder: Path) -> bool:
    """Whether changes in `folder` are told by the kernel, whoever makes them."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return filesystem_type(folder, mountinfo) not in _SILENT


class Hint:
    """Rings after changes in a set of folders, not in folders below them."""

    def __init__(self, ring: Callable[[], None]) -> None:
        """`ring` is called from another thread."""
        self._ring = ring
        self._folders: frozenset[str] = frozenset()
        self._stop = threading.Event()

    def watch(self, folders: frozenset[str]) -> None:
        """From now on these folders are watched, and no others."""
        if folders != self._folders:
            self.stop()
            self._folders, self._stop = folders, threading.Event()
            if not folders:
                return
            # Not one of anyio's threads: they cannot be left behind when the daemon ends.
            threading.Thread(target=self._listen, args=(folders, self._stop), name="hint", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _listen(self, folders: frozenset[str], stop: threading.Event) -> None:
        told, is_blind = "", False
        while not stop.is_set():
            try:
                for changes in watchfiles.watch(
                    *sorted(folders),
                    watch_filter=None,
                    debounce=400,
                    stop_event=stop,
                    rust_timeout=1000,
                    raise_interrupt=False,
                    force_polling=False,
                    recursive=False,
                    ignore_permission_denied=True,
                    yield_on_timeout=True,
                ):
                    if changes or is_blind:
                        self._ring()
                    is_blind = False
            except (OSError, RuntimeError) as failed:
                # A name that is no text ends the watch of all folders, though it is only one change in one of them.
                # Nobody tells of what changes until the next watch stands, so then somebody must look.
                is_blind = True
                self._ring()
                if str(failed) != told:
                    told = str(failed)
                    _log.warning("file system notifications break off, scanning goes on", extra=fields(why=failed))
                stop.wait(_PAUSE_S)
