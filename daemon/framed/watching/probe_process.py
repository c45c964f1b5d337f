"""Probes films, each in a process of its own: `frame-extractor probe FILM --json`.

A film may hang its reader, and a disk may never answer: then only that process hangs, and it is killed at its time
limit.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
import msgspec

from frame_extractor.contract.answers import Probe
from frame_extractor.contract.process import identify
from framed.host.liveness import kill_tree, until_gone
from framed.model.job import exit_code_text
from framed.policy.admission import ProbeFailed
from framed.threads import in_own_thread

PROBER: Final = (sys.executable, "-m", "frame_extractor", "probe")
"""The command; a film's path and `--json` follow."""

TIMEOUT_S: Final = 30.0
_NICENESS: Final = 10
_OOM_SCORE_ADJ: Final = "1000"
"""When a film takes all memory, the kernel ends its probe before anything else."""


async def probe(
    film: str,
    report: Callable[[Probe | ProbeFailed], None],
    command: Sequence[str] = PROBER,
    *,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """`report` is called with the result, or the reason why the film cannot be opened; not when this is cancelled.

    Returns when the process has ended; one that hangs on its disk cannot be killed, and is waited for.
    """
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 -- returns when the process has started; its end is awaited in a thread
            [*command, film, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
    except OSError as failed:
        report(ProbeFailed(f"its probe cannot be started: {failed.strerror}", time.monotonic()))
        return
    identity = identify(process.pid)
    _lower_priority(process.pid)
    answer: Probe | str = f"no answer from its probe within {timeout_s:g} s"
    try:
        with anyio.move_on_after(timeout_s):
            stdout, stderr = await in_own_thread(process.communicate)
            answer = _answer(Path(film).name, process.returncode, stdout, stderr)
    finally:
        if identity is not None:
            kill_tree(identity)
    report(ProbeFailed(answer, time.monotonic()) if isinstance(answer, str) else answer)
    if identity is not None:
        await until_gone(identity)


def _answer(name: str, code: int, stdout: bytes, stderr: bytes) -> Probe | str:
    """The probe's result, or the reason why the film cannot be opened."""
    if code == 0:
        try:
            return msgspec.json.decode(stdout, type=Probe)
        except msgspec.DecodeError as failed:
            return f"the output of its probe cannot be read: {failed}"
    lines = stderr.decode(errors="backslashreplace").strip().splitlines()
    if code > 0 and lines:
        return lines[-1].removeprefix("frame-extractor: ").removeprefix(f"{name}: ")
    number = code if code > 0 else 128 - code
    return f"its probe ended with exit code {number} ({exit_code_text(number) or 'no message'})"


def _lower_priority(pid: int) -> None:
    """Extractors come first. As far as a service is permitted to set it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(_OOM_SCORE_ADJ, encoding="ascii")
