"""Notifies systemd: ready, status, watchdog. See sd_notify(3). Outside a unit it does nothing."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Final

import anyio

_MICROSECONDS: Final = 1_000_000
_STATUS_PERIOD_S: Final = 5.0
"""How often the status is checked when there is no watchdog."""


class ServiceManager:
    """The unit that this process is the main process of, if any."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Removes systemd's variables from `environ`, so that no child process can notify in the daemon's name."""
        self._address = environ.pop("NOTIFY_SOCKET", "")
        timeout_us = environ.pop("WATCHDOG_USEC", "")
        pid = environ.pop("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(timeout_us) / _MICROSECONDS if timeout_us.isdigit() and is_ours else None
        """systemd restarts a process that has not reported for this long; None without a watchdog."""

    @property
    def is_present(self) -> bool:
        return bool(self._address)

    def notify(self, **values: str | int) -> None:
        """`notify(READY=1, STATUS="...")`. Failures are ignored; the watchdog covers them."""
        if not self._address:
            return
        # A leading @ stands for the NUL of an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={' '.join(str(value).split())}" for name, value in values.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            # A manager that does not read must not stop the daemon.
            channel.settimeout(0)
            channel.sendto(text.encode(errors="replace"), address)

    async def keep_notified(self, is_alive: Callable[[], bool], status: Callable[[], str]) -> None:
        """Resets the watchdog while `is_alive`, and sends `status` when it changes. Runs until cancelled."""
        if not self.is_present:
            return
        sent = ""
        while True:
            if (now := status()) != sent:
                self.notify(STATUS=now)
                sent = now
            if self.watchdog_s is not None and is_alive():
                self.notify(WATCHDOG=1)
            await anyio.sleep(_STATUS_PERIOD_S if self.watchdog_s is None else self.watchdog_s / 4)


def is_journal(descriptor: int, environ: MutableMapping[str, str]) -> bool:
    """Whether the descriptor leads to the journal, which records the time of each line itself."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(stat.st_dev), str(stat.st_ino))
