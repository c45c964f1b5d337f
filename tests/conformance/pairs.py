"""The films of the conformance suite: every pair of container and codec that FFmpeg can write, with even, uneven and
late times.

Each codec is encoded once; what a film's times are is settled when its packets are put into their container.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from frame_extractor.contract.settings import Sampling
from frame_extractor.errors import NeedsWholeFilm, ReadFailed
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import Film
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.fallback import READERS
from frame_extractor.reading.readers.whole import read_whole
from frame_extractor.reading.trial_decode import reason_to_read_whole
from tests.harness.films import TICKS, FilmPlan, container_options, write_film

X264 = "keyint=24:min-keyint=24:scenecut=0:bframes=3:threads=1"
X265 = "log-level=none:keyint=24:min-keyint=24:scenecut=0:bframes=4"
CODECS: Final[dict[str, FilmPlan]] = {
    "h264-closed": FilmPlan(options={"x264-params": f"{X264}:open-gop=0:b-pyramid=none"}),
    "h264-pyramid": FilmPlan(options={"x264-params": f"{X264}:open-gop=0:b-pyramid=normal"}),
    "h264-open": FilmPlan(options={"x264-params": f"{X264}:open-gop=1:b-pyramid=none"}),
    "h264-open-pyramid": FilmPlan(options={"x264-params": f"{X264}:open-gop=1:b-pyramid=normal"}),
    "h264-no-b": FilmPlan(options={"x264-params": "keyint=24:bframes=0"}),
    "hevc-default": FilmPlan(codec="libx265", options={"x265-params": X265}),
    "hevc-closed-pyramid": FilmPlan(codec="libx265", options={"x265-params": f"{X265}:open-gop=0:b-pyramid=1"}),
    "hevc-10bit": FilmPlan(codec="libx265", options={"x265-params": X265}, pix_fmt="yuv420p10le"),
    "hevc-layers": FilmPlan(codec="libx265", options={"x265-params": f"{X265}:temporal-layers=3"}),
    "mpeg2": FilmPlan(codec="mpeg2video", options={"g": "12", "bf": "2", "b": "3M"}),
    "mpeg4-b": FilmPlan(codec="mpeg4", options={"g": "12", "bf": "2", "b": "3M"}),
    "vp9": FilmPlan(codec="libvpx-vp9", options={"g": "24", "deadline": "realtime", "cpu-used": "8"}),
    "av1": FilmPlan(codec="libsvtav1", options={"g": "24", "preset": "8", "crf": "12"}),
    "wmv2": FilmPlan(codec="wmv2", options={"g": "12", "b": "3M"}),
    "flv1": FilmPlan(codec="flv", options={"g": "12", "b": "3M"}),
}
H264: Final = [name for name in CODECS if name.startswith("h264")]
HEVC: Final = [name for name in CODECS if name.startswith("hevc")]
CARRIED: Final[dict[str, list[str]]] = {
    "mkv": [*H264, *HEVC, "mpeg2", "mpeg4-b", "vp9", "av1"],
    "mp4": [*H264, *HEVC, "mpeg2", "mpeg4-b", "vp9", "av1"],
    "mov": [*H264, *HEVC, "mpeg2", "mpeg4-b"],
    "flv": [*H264, *HEVC, "vp9", "av1", "flv1"],
    "ts": [*H264, *HEVC, "mpeg2", "mpeg4-b"],
    "m2ts": [*H264, *HEVC, "mpeg2", "mpeg4-b"],
    "avi": [*H264, "mpeg2", "mpeg4-b", "vp9", "av1", "wmv2", "flv1"],
}
"""What FFmpeg's muxers take and its demuxers give back."""
TIMINGS: Final[dict[str, tuple[bool, float]]] = {
    "even": (False, 0.0),
    "uneven": (True, 0.0),
    "late": (False, 700.0),
    "uneven and late": (True, 700.0),
}
"""Whether every third frame stays for twice as long, and the first timestamp in seconds."""
WITHOUT_TIMES: Final = frozenset({"avi"})
SOURCES: Final = {"flv1": "flv", "mpeg4-b": "ts"}
"""Which container a codec is encoded into, where it is not MP4: that cannot carry it, or keeps headers a TS needs."""
FILMS: Final = [
    (container, codec, timing)
    for container, codecs in CARRIED.items()
    for codec in codecs
    for timing in (["even"] if container in WITHOUT_TIMES else TIMINGS)
]


def plan_of(codec: str, timing: str) -> FilmPlan:
    is_vfr, start_s = TIMINGS[timing]
    return replace(CODECS[codec], is_vfr=is_vfr, start_s=start_s)


class FilmMaker:
    """Makes films in a folder; what has been made is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.make = functools.cache(self._make)
        """The film of a container, a codec and a timing."""

    def _make(self, container: str, codec: str, timing: str = "even") -> Path:
        plan = plan_of(codec, timing)
        path = self._folder / f"{codec}-{timing.replace(' ', '-')}.{container}"
        if container in WITHOUT_TIMES:
            return write_film(path, plan)
        return with_times(self._encoded(codec), path, plan)

    def _encoded(self, codec: str) -> Path:
        path = self._folder / f"{codec}.encoded.{SOURCES.get(codec, 'mp4')}"
        return path if path.exists() else write_film(path, CODECS[codec])


def with_times(encoded: Path, path: Path, plan: FilmPlan) -> Path:
    """The packets of `encoded` in the container of `path`'s suffix, shown when the plan says."""
    with av.open(str(encoded)) as source, av.open(str(path), "w", options=container_options(path)) as out:
        pictures = source.streams.video[0]
        stream = out.add_stream_from_template(pictures, opaque=True)
        packets = [packet for packet in source.demux(pictures) if packet.size]
        nth_of = {pts: nth for nth, pts in enumerate(sorted(packet.pts or 0 for packet in packets))}
        shown = [nth_of[packet.pts or 0] for packet in packets]
        delay = max(position - nth for position, nth in enumerate(shown))
        # Decoding must begin before the first picture is shown, by as many frames as pictures are out of order.
        decoded_s = [(nth - delay) / plan.fps for nth in range(delay)] + plan.times_s
        ends_s = [*plan.times_s[1:], plan.times_s[-1] + 1 / plan.fps]
        for packet, nth, dts_s in zip(packets, shown, decoded_s, strict=False):
            packet.stream = stream
            packet.time_base = Fraction(1, TICKS)
            packet.pts = round((plan.start_s + plan.times_s[nth]) * TICKS)
            packet.dts = round((plan.start_s + dts_s) * TICKS)
            packet.duration = round((ends_s[nth] - plan.times_s[nth]) * TICKS)
            out.mux(packet)
    return path


def frames_of(film: Film, sampling: Sampling = Sampling.EXACT) -> Iterator[Frame]:
    """All frames of a film, the way the pipeline reads it."""
    return iter([frame for _, frame in frames_and_readers(film, sampling)])


def frames_and_readers(film: Film, sampling: Sampling = Sampling.EXACT) -> list[tuple[str, Frame]]:
    """The same, each with who read it: `decord`, `pyav`, or `pyav, whole`."""
    try:
        if reason_to_read_whole(film) is None:
            return list(_in_chunks(film, sampling))
    except NeedsWholeFilm:
        pass
    return [("pyav, whole", frame) for frame in read_whole(film)]


def _in_chunks(film: Film, sampling: Sampling) -> Iterator[tuple[str, Frame]]:
    for chunk in read_chunks(film, sampling):
        for name, reader in READERS.items():
            try:
                frames = list(reader.read(film, chunk))
            except ReadFailed:
                continue
            yield from ((name, frame) for frame in frames)
            break
