"""Runs a command within a time limit, also if it leaves child processes behind. Blocking."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

_STDERR_TAIL_BYTES: Final = 200


def run(
    argv: Sequence[str], input_bytes: bytes, timeout_s: float, environ: Mapping[str, str] | None = None
) -> str | None:
    """The error; None when there was none. `input_bytes`: its standard input; `environ` is added to the daemon's."""
    shown = argv[0]
    # Files in memory, not pipes: a child that the command leaves behind keeps pipes open. Not files on a disk: a full
    # disk is one of the notifications.
    with os.fdopen(os.memfd_create("stdin"), "w+b") as stdin, os.fdopen(os.memfd_create("stderr"), "w+b") as stderr:
        stdin.write(input_bytes)
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **(environ or {})},
            )
        except (OSError, ValueError) as failed:
            return f"{shown}: {failed}"
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"{shown}: killed after {timeout_s:g} s (notify.timeout_s)"
        if code == 0:
            return None
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _STDERR_TAIL_BYTES))
        return f"{shown}: exit {code} {' '.join(stderr.read().decode(errors='replace').split())}".rstrip()
