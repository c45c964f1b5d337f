"""A film of H.264, and damage that its decoder reports and goes on after."""

from __future__ import annotations

from pathlib import Path

import av

from tests.harness.films import FilmPlan

ONE_THREAD = "keyint=24:min-keyint=24:scenecut=0:bframes=3:threads=1:lookahead-threads=1"
"""With more, x264 gives other bytes on a busy machine, and damage would strike elsewhere."""
H264 = FilmPlan(options={"x264-params": ONE_THREAD, "crf": "18"})
GOP = 24


def with_damage(path: Path, position: int, *, n_bytes: int = 20) -> tuple[int, Path]:
    """A copy with a few bytes changed in the middle of a packet, so that its decoder notices and goes on; and the frame
    that is in it. The packet is the largest of six from `position` on: one that others refer to.
    """
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = sorted(packet.pts or packet.dts or 0 for packet in packets)
    packet = max(packets[position : position + 6], key=lambda packet: packet.size)
    assert packet.pos is not None
    content = bytearray(path.read_bytes())
    start = packet.pos + packet.size // 2
    for at in range(start, start + n_bytes):
        content[at] ^= 0x5A
    damaged = path.with_name(f"damaged{path.suffix}")
    damaged.write_bytes(content)
    return shown.index(packet.pts or packet.dts or 0), damaged
