"""What coded pictures say of themselves."""

from __future__ import annotations

import pytest

from frame_extractor.reading.bitstream import UNKNOWN, PictureKind, is_referred_to_in_chunk, kind_reader

START = b"\x00\x00\x01"
AVCC = bytes([1, 100, 0, 31, 0xFF])
HVCC = bytes([1, *([0] * 20), 0xFF])


def prefixed(*units: bytes) -> bytes:
    """NAL units as MP4 and Matroska store them, with four bytes of length."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (0x65, PictureKind(is_idr=True, is_referred_to=True, temporal_layer=0, is_key=True)),
        (0x41, PictureKind(is_idr=False, is_referred_to=True, temporal_layer=0)),
        (0x01, PictureKind(is_idr=False, is_referred_to=False, temporal_layer=0)),
    ],
)
def test_h264_slices_say_whether_they_are_referred_to(header: int, kind: PictureKind) -> None:
    """The same in both packings, and whatever parameter sets and SEI come first."""
    aud, sei, slice_unit = b"\x09\xf0", b"\x06\x05\x01\x80", bytes([header, 0x88, 0x84])
    annex_b, avcc = kind_reader("h264", START + b"\x67"), kind_reader("h264", AVCC)
    assert annex_b is not None
    assert avcc is not None
    assert annex_b(b"\x00" + START + aud + START + sei + START + slice_unit) == kind
    assert avcc(prefixed(aud, sei, slice_unit)) == kind


@pytest.mark.parametrize(
    ("nal_type", "layer", "kind"),
    [
        (0, 0, PictureKind(is_idr=False, is_referred_to=False, temporal_layer=0, is_key=False)),
        (1, 0, PictureKind(is_idr=False, is_referred_to=True, temporal_layer=0, is_key=False)),
        (8, 2, PictureKind(is_idr=False, is_referred_to=False, temporal_layer=2, is_key=False)),
        (19, 0, PictureKind(is_idr=True, is_referred_to=True, temporal_layer=0, is_key=True)),
        (21, 0, PictureKind(is_idr=False, is_referred_to=True, temporal_layer=0, is_key=True)),
    ],
)
def test_hevc_slices_say_type_and_temporal_layer(nal_type: int, layer: int, kind: PictureKind) -> None:
    """Even types up to 14 are not referred to within their layer; 19 and 20 are IDR, 21 is CRA."""
    read = kind_reader("hevc", HVCC)
    assert read is not None
    vps = bytes([32 << 1, 1, 0])
    assert read(prefixed(vps, bytes([nal_type << 1, layer + 1, 0x80]))) == kind


def test_a_lower_layer_picture_may_be_referred_to_from_above() -> None:
    """Only the chunk's highest temporal layer may lose its non-reference pictures."""
    low = PictureKind(is_idr=False, is_referred_to=False, temporal_layer=0)
    assert is_referred_to_in_chunk(low, highest_layer=1)
    assert not is_referred_to_in_chunk(low, highest_layer=0)


@pytest.mark.parametrize("packet", [b"", b"\x00\x00\x01", b"\x00\x00\x00\xff\x41", b"\xff" * 40])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("extradata", [None, b"", AVCC])
def test_nonsense_is_taken_for_a_picture_that_is_needed(packet: bytes, codec: str, extradata: bytes | None) -> None:
    """Leaving out what is not understood could break others; keeping it costs a little time."""
    read = kind_reader(codec, extradata)
    assert read is not None
    assert read(packet) in {UNKNOWN, PictureKind(is_idr=False, is_referred_to=True, temporal_layer=0)}


def test_other_codecs_do_not_say() -> None:
    """Their pictures are all decoded."""
    assert kind_reader("vp9", None) is None
