"""The film that is extracted when none is named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

TIMES = 8


def lengthened(source: Path, target: Path) -> Path:
    """`target` holds the pictures of `source` TIMES times end to end, stream-copied; made only when it is not there."""
    if target.exists():
        return target
    partial = target.with_suffix(".part.ts")
    with av.open(str(partial), "w", format="mpegts") as out:
        stream: av.VideoStream | None = None
        offset = 0
        for _ in range(TIMES):
            with av.open(str(source)) as film:
                pictures = film.streams.video[0]
                stream = stream or out.add_stream_from_template(pictures)
                start, end = pictures.start_time or 0, offset
                for packet in film.demux(pictures):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += offset - start
                    packet.dts += offset - start
                    end = max(end, packet.pts + (packet.duration or _frame_ticks(pictures)))
                    packet.stream = stream
                    out.mux(packet)
                offset = end
    partial.rename(target)
    return target


def _frame_ticks(stream: av.VideoStream) -> int:
    rate, time_base = stream.guessed_rate or Fraction(24), stream.time_base or Fraction(1, 90_000)
    return round(1 / (rate * time_base))
