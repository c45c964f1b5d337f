"""The films that are extracted when none is named: made of the shared ones, once, and kept."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av

SHARED = Path(__file__).resolve().parents[2] / "shared/films/whole"
CLIP = SHARED / "bbb_1080p24.ts"
"""43 s."""
HEVC = ["-c:v", "libx265", "-preset", "fast", "-crf", "22", "-x265-params", "log-level=error"]
DENSE = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-b:v",
    "40M",
    "-minrate",
    "40M",
    "-maxrate",
    "40M",
    "-bufsize",
    "40M",
]
"""40 Mbit/s, as on a Blu-ray. Padded, since this film does not fill it."""
DENSE_NAL_HRD = ["-x264-params", "nal-hrd=cbr:force-cfr=1"]


class NoSharedFilm(Exception):
    """A film that benchmarks are made of is not there; holds its path."""


def cache_folder() -> Path:
    """Where made films are kept. It exists."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framed-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def standard() -> Path:
    """5:45 of 1080p H.264. Raises NoSharedFilm."""
    return repeated(_shared(CLIP), cache_folder() / "bbb-1080p-h264.ts", times=8)


def whole_720p() -> Path:
    """All of Big Buck Bunny in 720p. Raises NoSharedFilm."""
    return _shared(SHARED / "bbb_720p24.mp4")


def hevc() -> Path:
    """2:52 of 1080p HEVC. Encodes for minutes when it is asked for the first time. Raises NoSharedFilm."""
    clip = encoded(_shared(CLIP), cache_folder() / "clip-hevc.ts", HEVC)
    return repeated(clip, cache_folder() / "bbb-1080p-hevc.ts", times=4)


def dense() -> Path:
    """5:45 of 1080p H.264 at 40 Mbit/s. Raises NoSharedFilm."""
    clip = encoded(_shared(CLIP), cache_folder() / "clip-40mbit.ts", [*DENSE, *DENSE_NAL_HRD])
    return repeated(clip, cache_folder() / "bbb-1080p-40mbit-5min.ts", times=8)


def of_minutes(minutes: float, folder: Path) -> Path:
    """About so many minutes of 1080p H.264, in `folder`: a gigabyte for 25 minutes. Raises NoSharedFilm."""
    with av.open(str(_shared(CLIP))) as clip:
        clip_s = float((clip.duration or 0) / av.time_base)
    return repeated(CLIP, folder / f"bbb-1080p-{minutes:g}min.ts", times=max(1, round(minutes * 60 / clip_s)))


def _shared(film: Path) -> Path:
    if not film.exists():
        raise NoSharedFilm(film)
    return film


def encoded(source: Path, target: Path, options: list[str]) -> Path:
    """`target` holds the pictures of `source`, encoded so by ffmpeg; made only when it is not there."""
    if not target.exists():
        partial = target.with_suffix(".part.ts")
        head = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-map", "0:v:0"]
        subprocess.run([*head, *options, str(partial)], check=True)
        partial.rename(target)
    return target


def repeated(source: Path, target: Path, *, times: int) -> Path:
    """`target` holds the pictures of `source` so many times end to end, stream-copied; made only when not there."""
    if target.exists():
        return target
    partial = target.with_suffix(".part.ts")
    with av.open(str(partial), "w", format="mpegts") as out:
        stream: av.VideoStream | None = None
        offset = 0
        for _ in range(times):
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
