"""What a unit of systemd says to its manager: that it is ready, what it does, that it lives. See sd_notify(3).

Outside a unit nothing is said.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Final

import anyio

_MICROSECONDS: Final = 1_000_000
_STATUS_PERIOD_S: Final = 5.0
"""How often the status is looked at where no watchdog is set."""


class ServiceManager:
    """The unit that this process is the main process of, if any."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Takes systemd's variables out of `environ`, so that no child can speak in the daemon's name."""
        self._address = environ.pop("NOTIFY_SOCKET", "")
        timeout_us = environ.pop("WATCHDOG_USEC", "")
        pid = environ.pop("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(timeout_us) / _MICROSECONDS if timeout_us.isdigit() and is_ours else None
        """systemd ends a process that has not said for so long that it lives; None when it does not watch."""

    @property
    def is_present(self) -> bool:
        return bool(self._address)

    def notify(self, **values: str | int) -> None:
        """`say(READY=1, STATUS="...")`. What cannot be said is not: the watchdog has the last word."""
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
        """Tells for ever that the daemon lives, while `is_alive`, and `status` whenever it changes."""
        if not self.is_present:
            return
        told = ""
        while True:
            if (now := status()) != told:
                self.notify(STATUS=now)
                told = now
            if self.watchdog_s is not None and is_alive():
                self.notify(WATCHDOG=1)
            await anyio.sleep(_STATUS_PERIOD_S if self.watchdog_s is None else self.watchdog_s / 4)


def is_journal(descriptor: int, environ: MutableMapping[str, str]) -> bool:
    """Whether what is written to the descriptor goes to the journal, which knows the time of each line itself."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(stat.st_dev), str(stat.st_ino))
