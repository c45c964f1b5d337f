"""Whether the bytes of a coded picture can be what an encoder wrote: damage that a decoder may not notice.

Decodes nothing. Sources: ITU-T H.264 and H.265 7.4.1 and annex B, ISO/IEC 14496-15; ITU-T H.262 (MPEG-2) 5.2 and
6.2.1; ISO/IEC 14496-2 (MPEG-4) 5.2.1. Each of them keeps 23 zero bits in a row for start codes, so that regions of
zeros are detected, and NAL units whose lengths do not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from frame_extractor.reading.bitstream import nal_prefix_bytes

ZEROS: Final = b"\0\0\0"
START_CODE_CODECS: Final = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})
MIN_CHECKED_BYTES: Final = 16
"""Smaller packets say that nothing is coded."""
FORBIDDEN_BIT: Final = 0x80
"""First bit of a NAL unit."""
MIN_ZERO_RUN_BYTES: Final = 512
"""Elsewhere: no run of zeros of this length comes out of an encoder, but for one bit for every macroblock."""

HABIT_SHARE: Final = 0.75
"""A damaged region at the beginning of a film must not pass for a habit of its muxer."""

IsDamaged = Callable[[bytes], bool]


def damage_check(codec: str, extradata: bytes | None, size: tuple[int, int], first: Sequence[bytes]) -> IsDamaged:
    """Says of a packet's bytes whether they hold what no encoder writes.

    What nearly all of the `first` packets of the film break, its muxer does not keep to: that is no sign of damage.
    """
    is_damaged = _check_of(codec, nal_prefix_bytes(codec, extradata), *size)
    if is_habit(sum(map(is_damaged, first)), len(first)):
        return lambda _: False
    return is_damaged


def is_habit(n_broken: int, n_packets: int) -> bool:
    """Whether enough of a film's first packets break a rule for it to say nothing about damage."""
    return n_broken > HABIT_SHARE * n_packets


def _check_of(codec: str, prefix: int | None, width: int, height: int) -> IsDamaged:
    if prefix:
        return lambda payload: not _are_nal_units(payload, prefix)
    if prefix == 0:
        return _has_zeros_inside
    if codec in START_CODE_CODECS:
        return _is_not_start_coded
    zeros = bytes(max(MIN_ZERO_RUN_BYTES, 2 * (width // 16 + 1) * (height // 16 + 1) // 8))
    return lambda payload: zeros in payload


def _are_nal_units(payload: bytes, prefix: int) -> bool:
    """Whether the packet is NAL units, each after its length, up to its end."""
    at, size = 0, len(payload)
    while at + prefix < size:
        start = at + prefix
        at = start + int.from_bytes(payload[at:start], "big")
        if at == start or at > size or payload[start] & FORBIDDEN_BIT:
            return False
        zeros_at = payload.find(ZEROS, start, at)
        # Zeros after a NAL unit do not belong to it; some muxers leave them there.
        if zeros_at >= 0 and payload[zeros_at:at].strip(b"\0"):
            return False
    return at == size


def _has_zeros_inside(payload: bytes) -> bool:
    """Whether there are zeros that do not lead to a start code nor to the end of the packet."""
    at = payload.find(ZEROS)
    while at >= 0:
        rest = payload[at : at + 64].lstrip(b"\0") or payload[at:].lstrip(b"\0")
        if rest and rest[0] != 1:
            return True
        at = payload.find(ZEROS, len(payload) - len(payload[at:].lstrip(b"\0"))) if rest else -1
    return False


def _is_not_start_coded(payload: bytes) -> bool:
    if len(payload) < MIN_CHECKED_BYTES:
        return False
    return not payload.lstrip(b"\0").startswith(b"\1") or not payload.startswith(b"\0\0") or _has_zeros_inside(payload)
