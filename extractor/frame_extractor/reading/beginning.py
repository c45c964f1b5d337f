"""When a film began whose first pictures are missing from its file.

The pictures that are left of its first GOP say in their headers how many were shown before them; without them the
container's own clock is the next best, where it begins with the film. Neither is certain: a second GOP may be all that
is left of the first ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

import av
import av.logging
from av.bitstream import BitStreamFilterContext

ORDER_COUNT: Final = re.compile(r"\d+ +(?:slice_pic_order_cnt_lsb|pic_order_cnt_lsb|temporal_reference) .*= (\d+)\s*$")
"""A line of FFmpeg's `trace_headers`: H.264, HEVC, MPEG-2."""
CLOCK_FROM_0: Final = frozenset({"matroska,webm", "flv"})
"""Containers that decode their first picture at 0."""
MAX_UNEVEN_FRAMES: Final = 0.25

Timed = tuple[bytes, int]
"""Coded picture and its presentation time in ticks."""


def begin_ticks(
    stream: av.VideoStream, key: Timed, key_dts: int | None, found: Sequence[Timed], frame_ticks: int
) -> int:
    """When the film's first picture was shown, by the stream's clock.

    `found`: undamaged pictures before the first key frame that is left, in decoding order, `key` being that one, with
    the headers that they refer to.
    """
    key_payload, key_pts = key
    earliest = min([key_pts, *(ticks for _, ticks in found)])
    counted_back = by_order(_order_counts(stream, key_payload, found), frame_ticks)
    if counted_back is not None:
        return min(counted_back, earliest)
    if stream.container.format.name in CLOCK_FROM_0:
        return min(0 if key_dts is None else key_pts - key_dts, earliest)
    # At least one frame is missing of a film that begins between key frames.
    return earliest - frame_ticks if found else earliest


def by_order(counts: Iterable[tuple[int, int]], frame_ticks: int) -> int | None:
    """From order counts and times: when a picture with the order count 0 was shown."""
    shown = sorted(set(counts), key=lambda counted: counted[1])
    # Counts begin again at 0 when their bits are used up.
    n_increasing = next((nth for nth, (one, other) in enumerate(pairwise(shown), 1) if other[0] <= one[0]), len(shown))
    ordered = shown[:n_increasing]
    if len(ordered) < 2:
        return None
    (first, first_ticks), (last, last_ticks) = ordered[0], ordered[-1]
    step = Fraction(last_ticks - first_ticks, last - first)
    for (one, ticks), (other, other_ticks) in pairwise(ordered):
        if abs(other_ticks - ticks - step * (other - one)) > MAX_UNEVEN_FRAMES * frame_ticks:
            return None
    return round(first_ticks - step * first)


def _order_counts(stream: av.VideoStream, key: bytes, found: Sequence[Timed]) -> list[tuple[int, int]]:
    """Order count and time of each picture whose header can be read."""
    counts = []
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture():
            headers = BitStreamFilterContext("trace_headers", stream)
        _traced(headers, key, 0)
        for payload, ticks in found:
            values = _traced(headers, payload, ticks)
            if values:
                counts.append((values[0], ticks))
    except (av.error.FFmpegError, ValueError):
        return []  # FFmpeg cannot parse the headers of this codec.
    finally:
        av.logging.set_level(level)
    return counts


def _traced(headers: BitStreamFilterContext, payload: bytes, ticks: int) -> list[int]:
    packet = av.Packet(payload)
    packet.pts = packet.dts = ticks
    with av.logging.Capture(local=True) as logs:
        try:
            headers.filter(packet)
        except av.error.FFmpegError:
            return []
    return [int(line[1]) for _, _, message in logs if (line := ORDER_COUNT.match(message.strip()))]
