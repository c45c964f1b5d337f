"""When a film that is being copied is complete. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Signature:
    """What changes while a file is written or replaced."""

    size_bytes: int
    mtime_ns: int
    inode: int
    ctime_ns: int | None = field(default=None, compare=False)
    """Also changed by a new mode, owner or link, and on some network file systems by nothing: by itself it does not
    make the film another. None when it was not recorded."""

    def may_hide_other_content(self, recorded: Signature) -> bool:
        """Whether the file may have been written to since, though its size and time say it was not."""
        return self == recorded and recorded.ctime_ns is not None and self.ctime_ns != recorded.ctime_ns


@dataclass(frozen=True)
class Track:
    """One file as the scans saw it."""

    signature: Signature
    unchanged_since_s: float
    """Monotonic time of the first scan that saw it like this."""
    n_scans: int
    """Scans that saw it like this; 1 or more."""


def observe(track: Track | None, signature: Signature, now_s: float) -> Track:
    """The track after one more scan; every change starts a new one."""
    if track is None or track.signature != signature:
        return Track(signature, now_s, 1)
    return Track(signature, track.unchanged_since_s, track.n_scans + 1)


def is_settled(track: Track, now_s: float, *, settle_s: float, settle_scans: int) -> bool:
    """Whether the file has not changed for that long and over that many scans."""
    return track.n_scans >= settle_scans and now_s - track.unchanged_since_s >= settle_s
