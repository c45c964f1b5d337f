"""Runs a command of somebody else's: within a time limit, and whatever it leaves behind. Blocking."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

_LAST_WORDS_BYTES: Final = 200


def run(words: Sequence[str], given: bytes, timeout_s: float, environ: Mapping[str, str] | None = None) -> str:
    """What went wrong; empty when nothing did. `given` is its standard input; `environ` is added to the daemon's."""
    shown = words[0]
    # Files in memory, not pipes: nobody waits for a child that the command leaves behind with its ends open, and a
    # full disk is among the things to be told.
    with os.fdopen(os.memfd_create("given"), "w+b") as stdin, os.fdopen(os.memfd_create("said"), "w+b") as stderr:
        stdin.write(given)
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                words,
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
            return f"{shown}: ended after {timeout_s:g} s, for which it had not come back"
        if code == 0:
            return ""
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
        return f"{shown}: exit {code} {' '.join(stderr.read().decode(errors='replace').split())}".rstrip()
