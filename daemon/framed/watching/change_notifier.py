"""File system change notifications (inotify), which start a scan early. Only the scan decides what there is.

Not used for folders on file systems that do not send them: 9p and drvfs (/mnt/c under WSL2), NFS, SMB and others.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import watchfiles

from framed.host.inotify import read_limits
from framed.log import fields
from framed.settings.places import mount_of, mounts

_log: Final = logging.getLogger(__name__)

_NO_NOTIFICATIONS: Final = frozenset(
    {"9p", "drvfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "virtiofs", "vboxsf", "prl_fs", "afs", "ceph", "lustre"}
    | {"fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.vmhgfs-fuse"}
)
"""File systems that other machines change without a notification from this kernel."""

_PAUSE_S: Final = 1.0
"""Before watching again after a failure;"""
_LONG_PAUSE_S: Final = 5.0
"""and after a kernel limit was reached."""


def supports_notifications(folder: Path) -> bool:
    """Whether the kernel reports all changes in `folder`, also those made by other machines."""
    return mount_of(folder, mounts()).kind not in _NO_NOTIFICATIONS


def notifying_folders(folders: Iterable[str], table: str) -> frozenset[str]:
    """Those of the folders for which it does; each may be on a different disk. `table`: see `mounts`."""
    return frozenset(folder for folder in folders if mount_of(Path(folder), table).kind not in _NO_NOTIFICATIONS)


class ChangeNotifier:
    """Calls back after changes in a set of folders, not in folders below them."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` is called from another thread."""
        self._on_change = on_change
        self._folders: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._limit: str | None = None

    @property
    def problem(self) -> str | None:
        """Which kernel limit is reached, and how to raise it; None when none is."""
        if self._limit is None:
            return None
        limits = read_limits()
        return f"{self._limit} is used up" + (f"; {limits.remedy}" if limits is not None else "")

    def watch(self, folders: frozenset[str]) -> None:
        """Watches these folders from now on, and no others; `on_change` is called once that has begun.

        Changes between the scan that found the folders and that moment are not reported otherwise.
        """
        if folders != self._folders:
            self.stop()
            self._folders, self._stop, self._limit = folders, threading.Event(), None
            if not folders:
                return
            # Not one of anyio's threads: the daemon would wait for it when it ends.
            threading.Thread(target=self._listen, args=(folders, self._stop), name="notifier", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _listen(self, folders: frozenset[str], stop: threading.Event) -> None:
        reported, is_blind = "", True
        while not stop.is_set():
            # Not left to watchfiles: its option ignores every failure, also that no watches are left.
            readable = sorted(folder for folder in folders if os.access(folder, os.R_OK))
            try:
                for changes in watchfiles.watch(
                    *readable,
                    watch_filter=None,
                    debounce=400,
                    stop_event=stop,
                    rust_timeout=1000,
                    raise_interrupt=False,
                    force_polling=False,
                    recursive=False,
                    ignore_permission_denied=False,
                    yield_on_timeout=True,
                ):
                    self._set_limit(None, stop)
                    if changes or is_blind:
                        self._on_change()
                    reported, is_blind = "", False
            except (OSError, RuntimeError) as failed:
                # A name that is not UTF-8 ends the watch of all folders. Changes until the next watch works are not
                # reported, so a scan is needed then, too.
                if not is_blind:
                    self._on_change()
                is_blind = True
                limit = _limit(failed)
                self._set_limit(limit, stop)
                if str(failed) != reported:
                    reported = str(failed)
                    _log.warning("change notifications failed, scans continue", extra=fields(why=failed))
                stop.wait(_LONG_PAUSE_S if limit else _PAUSE_S)

    def _set_limit(self, limit: str | None, stop: threading.Event) -> None:
        if self._stop is stop:
            self._limit = limit


def _limit(failed: Exception) -> str | None:
    """The limit that was reached; None for other failures. watchfiles has no error number, only a message."""
    message = str(failed)
    if "file watch limit reached" in message:
        return "the user's number of inotify watches (fs.inotify.max_user_watches)"
    if "os error 24" in message:
        return "the user's number of inotify instances (fs.inotify.max_user_instances)"
    return None
