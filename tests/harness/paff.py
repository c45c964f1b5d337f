"""H.264 coded field by field, which no encoder at hand can make: written here bit by bit.

Two fields to a frame, each a coded picture of its own, all of raw macroblocks (I_PCM). Sources: ITU-T H.264 7.3.2.1,
7.3.2.2, 7.3.3, 7.3.5 (syntax), 7.3.1 (emulation prevention).
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from tests.harness.films import TICKS, FilmPlan, drawn_frames

GOP = 12
MACROBLOCK = 16
IDR, SLICE, SPS, PPS = 0x65, 0x21, 0x67, 0x68
"""NAL unit headers; all pictures are reference pictures."""
I_PCM = 25
Plane = npt.NDArray[np.uint8]


class _Bits:
    """Bits of a NAL unit's payload, as they are appended."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, value: int, n_bits: int) -> _Bits:
        self._bits.append(f"{value:0{n_bits}b}")
        return self

    def ue(self, *values: int) -> _Bits:
        """Exponential Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits.append("0" * (len(code) - 1) + code)
        return self

    def align(self) -> _Bits:
        self._bits.append("0" * (-sum(map(len, self._bits)) % 8))
        return self

    def raw(self, content: bytes) -> _Bits:
        self._bits.append("".join(f"{byte:08b}" for byte in content))
        return self

    def nal(self, header: int) -> bytes:
        """The unit with its start code, ended and made safe."""
        bits = "".join(self.u(1, 1).align()._bits)
        payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
        return b"\0\0\0\1" + bytes([header]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def write_field_coded(path: Path, plan: FilmPlan) -> Path:
    """The film in field-coded H.264: in a transport stream a packet is a field, elsewhere a frame."""
    is_split = path.suffix in {".ts", ".m2ts"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=plan.fps)
        stream.width, stream.height = plan.size
        stream.pix_fmt = plan.pix_fmt
        for nth, rgb in enumerate(drawn_frames(plan)):
            top, bottom = _coded_fields(_planes(rgb), nth)
            for half, content in enumerate((top, bottom) if is_split else (top + bottom,)):
                packet = av.Packet(content)
                packet.stream = stream
                packet.time_base = Fraction(1, TICKS)
                packet.pts = packet.dts = round((nth + half / 2) * TICKS / plan.fps)
                packet.is_keyframe = nth % GOP == 0 and half == 0
                container.mux(packet)
    return path


def _planes(rgb: Plane) -> list[Plane]:
    height, width = rgb.shape[:2]
    packed = av.VideoFrame.from_ndarray(rgb, format="rgb24").to_ndarray(format="yuv420p")
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    return [np.asarray(plane, dtype=np.uint8) for plane in (packed[:height], *chroma)]


def _coded_fields(planes: list[Plane], nth: int) -> tuple[bytes, bytes]:
    is_key = nth % GOP == 0
    height, width = planes[0].shape
    head = _parameter_sets(width, height) if is_key else b""
    top, bottom = (_field([plane[half::2] for plane in planes], nth % GOP, half, is_key) for half in (0, 1))
    return head + top, bottom


def _parameter_sets(width: int, height: int) -> bytes:
    # Main profile, level 4; 4 bits of frame_num, picture order count of type 0 in 8 bits, one reference frame.
    sps = _Bits().u(77, 8).u(0, 8).u(40, 8).ue(0, 0, 0, 4, 1).u(0, 1)
    sps.ue(width // MACROBLOCK - 1, height // (2 * MACROBLOCK) - 1)
    sps.u(0, 1).u(0, 1).u(1, 1).u(0, 1).u(0, 1)  # Not frames only, no MBAFF, direct_8x8_inference, no crop, no VUI.
    # CAVLC, no order count of the bottom field, one slice group, default references, deblocking can be switched off.
    pps = _Bits().ue(0, 0).u(0, 1).u(0, 1).ue(0, 0, 0).u(0, 3).ue(0, 0, 0).u(1, 1).u(0, 1).u(0, 1)
    return sps.nal(SPS) + pps.nal(PPS)


def _field(planes: list[Plane], frame_num: int, half: int, is_key: bool) -> bytes:
    is_idr = is_key and half == 0
    bits = _Bits().ue(0, 7, 0).u(frame_num, 4).u(1, 1).u(half, 1)  # First macroblock, all I, PPS; field_pic_flag.
    if is_idr:
        bits.ue(0)
    bits.u(2 * frame_num + half, 8)
    bits.u(0, 2 if is_idr else 1).ue(0, 1)  # How references are marked; the quantizer; no deblocking.
    luma, *chroma = planes
    for top in range(0, luma.shape[0], MACROBLOCK):
        for left in range(0, luma.shape[1], MACROBLOCK):
            bits.ue(I_PCM).align().raw(luma[top : top + MACROBLOCK, left : left + MACROBLOCK].tobytes())
            for plane in chroma:
                bits.raw(plane[top // 2 : top // 2 + 8, left // 2 : left // 2 + 8].tobytes())
    return bits.nal(IDR if is_idr else SLICE)
