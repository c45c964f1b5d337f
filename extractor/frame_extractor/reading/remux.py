"""Packets to a Matroska file in memory, which every decoder reads alike."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av

from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.reading.film import UNTAGGED, Film
from frame_extractor.reading.gops import Packet

MATROSKA_CODECS = frozenset(
    {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9", "av1", "prores", "mjpeg"}
)
"""What can be remuxed to Matroska and comes back with the same pictures and times."""


def _with_decoding_times(packets: Sequence[Packet]) -> list[Packet]:
    """The same with times at which they can be decoded in this order; some containers lose them where damage is."""
    shown = sorted(p.pts for p in packets)
    delay = max(time - p.pts for time, p in zip(shown, packets, strict=True))
    return [replace(p, dts=time - delay) for time, p in zip(shown, packets, strict=True)]


def remux(stream: av.VideoStream, film: Film, packets: Sequence[Packet]) -> bytes:
    """These packets as a Matroska file, its colour tagged and rotation left out: no reader has to guess either.

    Raises NeedsWholeFilm.
    """
    base = min(p.pts for p in packets)
    if any(p.dts is None for p in packets):
        packets = _with_decoding_times(packets)
    time_base = stream.time_base or Fraction(1, 1000)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        out = container.add_stream_from_template(stream, opaque=True)
        out.set_display_rotation(0.0)
        if not out.codec_context.framerate and film.fps:
            # VP9 and AV1 of varying frame rate have none; decord refuses what does not say.
            out.codec_context.framerate = Fraction(film.fps).limit_denominator(100_000)
        if out.codec_context.colorspace == UNTAGGED:
            out.codec_context.colorspace = film.untagged_colorspace
        for p in packets:
            packet = av.Packet(p.payload)
            packet.stream = out
            packet.time_base = time_base
            packet.pts = p.pts - base
            packet.dts = None if p.dts is None else p.dts - base
            packet.duration = p.duration
            packet.is_keyframe = p.is_key
            try:
                container.mux(packet)
            except av.error.FFmpegError as failure:
                raise NeedsWholeFilm(f"a packet that Matroska cannot carry ({failure.strerror})") from None
    return buffer.getvalue()
