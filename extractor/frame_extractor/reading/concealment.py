"""Hears what FFmpeg's decoders say of damage in their log alone: that they have made up a part of a picture.

H.264 and the MPEG family are mended so, from the pictures around, and what comes out looks like any other picture.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av
import av.logging

MADE_UP = ("concealing ", "error while decoding MB ")
"""How such a message begins (libavcodec's error_resilience.c, h264_slice.c). Complaints of other kinds come of sound
films too: of a cut in the stream, of an encoder's peculiarities."""
MAX_HEARD_BYTES = 1 << 20


@contextmanager
def overheard() -> Iterator[Callable[[], bool]]:
    """Takes what this process writes to its standard error; asked, says whether it told of pictures that were made up.

    For libraries that log nowhere else.
    """
    if sys.__stderr__ is None:  # Closed when the process began: something else may have its number by now.
        yield lambda: False
        return
    sys.__stderr__.flush()
    before = os.dup(2)
    heard = os.memfd_create("overheard")
    try:
        os.dup2(heard, 2)
        yield lambda: _tell_of_made_up(os.pread(heard, MAX_HEARD_BYTES, 0).decode(errors="replace").splitlines())
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(heard)


def _tell_of_made_up(lines: list[str]) -> bool:
    # [h264 @ 0x55c7223f2e80] concealing 137 DC, 137 AC, 137 MV errors in B frame
    return any(line.partition("] ")[2].startswith(MADE_UP) for line in lines)


def decode_listening(packet: av.Packet[av.VideoStream]) -> tuple[list[av.VideoFrame], bool]:
    """What comes out for the packet, and whether it is whole: decoded without an error, and nothing made up.

    For decoders without threads, which alone log from where they are called.
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
    return frames, not any(message.startswith(MADE_UP) for _, _, message in logs)
