"""What one coded picture says of itself, without decoding it: H.264 and HEVC NAL unit headers.

Sources: ITU-T H.264 7.3.1 and table 7-1, ITU-T H.265 7.3.1.2 and table 7-1; ISO/IEC 14496-15 for the
length-prefixed form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

H264_SLICE_TYPES = range(1, 6)
H264_IDR = 5
LENGTH_SIZE_AT = {"h264": 4, "hevc": 21}
"""Which byte of avcC and hvcC holds the size of the length before each NAL unit."""
HEVC_VCL_TYPES = range(32)
H264_SEI = 6
H264_RECOVERY_POINT = b"\x06"
"""Type of an SEI message, its first byte. Encoders write one at key frames that are no IDR."""
H264_INTRA_SLICES = (2, 7)
SLICE_START_BYTES = 8
HEVC_IRAP_TYPES = range(16, 24)
HEVC_IDR_TYPES = (19, 20)
HEVC_LAST_SUBLAYER_TYPE = 14
"""Up to here even types are sub-layer non-reference pictures, odd ones reference pictures."""


class PictureKind(NamedTuple):
    """What the first slice of a coded picture says."""

    is_idr: bool
    """Nothing after it refers to anything before it, its own leading pictures included."""
    is_referred_to: bool
    """Some other picture may refer to it. True whenever the stream does not say."""
    temporal_layer: int
    is_key: bool | None = None
    """Whether decoding can begin with it; None when that is for the container to say."""

    def is_key_after_damage(self, is_marked: bool) -> bool:
        """The same where FFmpeg's parser, which marks key frames, may have been misled."""
        return is_marked if self.is_key is None else self.is_key


UNKNOWN = PictureKind(is_idr=False, is_referred_to=True, temporal_layer=0)

KindOf = Callable[[bytes], PictureKind]


def kind_reader(codec: str, extradata: bytes | None) -> KindOf | None:
    """A function from a packet's bytes to its PictureKind; None for codecs whose pictures do not say."""
    prefix = nal_prefix_bytes(codec, extradata)
    if prefix is None:
        return None
    kind_of = _h264_kind if codec == "h264" else _hevc_kind
    return lambda packet: kind_of(packet, prefix)


def nal_prefix_bytes(codec: str, extradata: bytes | None) -> int | None:
    """Size of the length before each NAL unit, 0 where there are start codes; None for codecs without NAL units."""
    at = LENGTH_SIZE_AT.get(codec)
    if at is None:
        return None
    # avcC and hvcC begin with their version, 1; Annex B with a start code, 0.
    return (extradata[at] & 3) + 1 if extradata and len(extradata) > at and extradata[0] == 1 else 0


def is_referred_to_in_chunk(kind: PictureKind, highest_layer: int) -> bool:
    """Whether another picture of a chunk whose highest temporal layer is `highest_layer` may refer to this one.

    An HEVC sub-layer non-reference picture may still be referred to from a higher layer.
    """
    return kind.is_referred_to or kind.temporal_layer < highest_layer


def _h264_kind(packet: bytes, prefix: int) -> PictureKind:
    is_recovery_point = False
    for at in _nal_units(packet, prefix):
        nal_type = packet[at] & 0x1F
        if nal_type == H264_SEI:
            is_recovery_point |= packet[at + 1 : at + 2] == H264_RECOVERY_POINT
        if nal_type in H264_SLICE_TYPES:
            is_idr = nal_type == H264_IDR
            is_intra = is_idr or _is_intra_slice(packet[at + 1 : at + 1 + SLICE_START_BYTES])
            is_key = (is_idr or is_recovery_point or None) if is_intra else is_intra
            return PictureKind(is_idr, bool(packet[at] & 0x60), 0, is_key)
    return UNKNOWN


def _is_intra_slice(header: bytes) -> bool | None:
    """Of H.264, by its type, which is the second number in its header; None when there is none."""
    bits = int.from_bytes(header, "big")
    left = 8 * len(header)
    number = 0
    for _ in range(2):
        zeros = left - (bits & ((1 << left) - 1)).bit_length()
        left -= 2 * zeros + 1
        if left < 0:
            return None
        number = (bits >> left & ((1 << zeros + 1) - 1)) - 1
    return number in H264_INTRA_SLICES


def _hevc_kind(packet: bytes, prefix: int) -> PictureKind:
    for at in _nal_units(packet, prefix):
        nal_type = (packet[at] >> 1) & 0x3F
        if nal_type in HEVC_VCL_TYPES and at + 1 < len(packet):
            is_non_reference = nal_type <= HEVC_LAST_SUBLAYER_TYPE and nal_type % 2 == 0
            is_key = nal_type in HEVC_IRAP_TYPES
            return PictureKind(nal_type in HEVC_IDR_TYPES, not is_non_reference, (packet[at + 1] & 7) - 1, is_key)
    return UNKNOWN


def _nal_units(packet: bytes, prefix: int) -> Iterator[int]:
    """Offsets of the NAL unit headers in a packet; `prefix` is the bytes of a length field, 0 for start codes."""
    at = 0
    if prefix:
        while at + prefix < len(packet):
            length = int.from_bytes(packet[at : at + prefix], "big")
            yield at + prefix
            at += prefix + length
        return
    while (at := packet.find(b"\x00\x00\x01", at)) >= 0 and at + 3 < len(packet):
        yield at + 3
        at += 3
