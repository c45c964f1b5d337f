"""Detects what FFmpeg's decoders report in their log alone: that they have concealed damage in a picture.

Decoders of H.264 and the MPEG family fill damaged parts from the pictures around, and what comes out looks like any
other picture.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av
import av.logging

CONCEALED = ("concealing ", "error while decoding MB ")
"""How such a message begins (libavcodec's error_resilience.c, h264_slice.c). Messages of other kinds come of
undamaged films too: of a cut in the stream, of an encoder's peculiarities."""
MAX_LOG_BYTES = 1 << 20


@contextmanager
def captured_stderr() -> Iterator[Callable[[], bool]]:
    """Captures this process's standard error; gives a function that says whether it reports concealment so far.

    For libraries that log nowhere else.
    """
    if sys.__stderr__ is None:  # Closed when the process began: something else may have its number by now.
        yield lambda: False
        return
    sys.__stderr__.flush()
    before = os.dup(2)
    captured = os.memfd_create("captured-stderr")
    try:
        os.dup2(captured, 2)
        yield lambda: _report_concealment(os.pread(captured, MAX_LOG_BYTES, 0).decode(errors="replace").splitlines())
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(captured)


def _report_concealment(lines: list[str]) -> bool:
    # [h264 @ 0x55c7223f2e80] concealing 137 DC, 137 AC, 137 MV errors in B frame
    return any(line.partition("] ")[2].startswith(CONCEALED) for line in lines)


def decode_checked(packet: av.Packet[av.VideoStream]) -> tuple[list[av.VideoFrame], bool]:
    """What comes out for the packet, and whether it is sound: decoded without an error, and nothing concealed.

    For decoders without threads: only they log from the thread that calls them.
    """
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=True) as logs:
            frames = packet.decode()
    except av.error.FFmpegError:
        return [], False
    finally:
        av.logging.set_level(av.logging.PANIC)
    return frames, not any(message.startswith(CONCEALED) for _, _, message in logs)
