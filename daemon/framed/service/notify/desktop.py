"""Notifications on the desktop of the user who runs the daemon, by notify-send. Blocking."""

from __future__ import annotations

import html
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from framed.service.notify import command
from framed.service.notify.events import Digest, What

_PROGRAM: Final = "notify-send"
_URGENT: Final = (What.FAILED, What.STALLED, What.DISK_LOW)


def session_bus(environ: Mapping[str, str]) -> str | None:
    """Address of the session's bus; None without a session.

    A system service has no such variable; then it is the bus of the user it runs as.
    """
    if address := environ.get("DBUS_SESSION_BUS_ADDRESS", ""):
        return address
    bus = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus")
    return f"unix:path={quote(str(bus))}" if bus.is_socket() else None


def why_not(environ: Mapping[str, str]) -> str | None:
    """Why nothing can be shown; None when it probably can."""
    if session_bus(environ) is None:
        return "there is no desktop session"
    if shutil.which(_PROGRAM) is None:
        return f"{_PROGRAM} is not installed (Debian: libnotify-bin)"
    return None


def show(digest: Digest, timeout_s: float, environ: Mapping[str, str]) -> str | None:
    """The error; None when there was none."""
    if (reason := why_not(environ)) is not None:
        return reason
    urgency = "critical" if any(event.event in _URGENT for event in digest.events) else "normal"
    arguments = [_PROGRAM, "--app-name=framed", f"--urgency={urgency}", "--", digest.title, body_of(digest)]
    return command.run(arguments, b"", timeout_s, {"DBUS_SESSION_BUS_ADDRESS": session_bus(environ) or ""})


def body_of(digest: Digest) -> str:
    """The lines, escaped so that they are shown unchanged.

    The desktop reads them as markup, and notify-send reads backslashes as escapes.
    """
    printable = ("".join(char if char.isprintable() else "?" for char in line) for line in digest.lines)
    return "\n".join(html.escape(line, quote=False).replace("\\", "\\\\") for line in printable)
