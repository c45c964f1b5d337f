"""What FFmpeg's demuxers log about data that is lost or damaged, and where it is.

Only messages listed here count as damage. Each was tried on undamaged films of all formats: none of them logs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import av.logging

Log = tuple[int, str, str]
"""Level, name of what logged it, message: as PyAV captures them."""

DAMAGE: Final[dict[str, re.Pattern[str]]] = {
    "mpegts": re.compile(r"max resync size reached"),
    "mpeg": re.compile(r"Invalid (?:packet|PES)|PES packet size mismatch"),
    "matroska,webm": re.compile(
        r"0x.. at pos \d+ .*invalid as first byte of an EBML number"
        r"|Length \d+ indicated by an EBML number's first byte"
        r"|Element at 0x\w+ ending at 0x\w+ exceeds containing master element"
        r"|Seek to desired resync point failed"
        r"|Unexpected EBML|Invalid (?:element|EBML)|Invalid stream \d+ or size"
    ),
    "flv": re.compile(r"Packet mismatch|Unable to (?:read|find) .*tag|skipping flv packet|Broken FLV"),
    "asf": re.compile(
        r"freeing incomplete packet|packet fragment position invalid"
        r"|packet_obj_size invalid|packet_frag_size is invalid"
        r"|invalid pad ?size|invalid packet_length|ff asf bad header|ff asf skip|skipping asf data pkt"
        r"|unexpected packet_(?:replic|property)|unknown data"
    ),
    "mov,mp4,m4a,3gp,3g2,mj2": re.compile(r"stream \d+, offset 0x[0-9a-f]+: partial file|Invalid (?:sample|packet)"),
}
"""By the format's name: how messages about lost or damaged data begin, whatever their level."""
CORRUPT: Final = re.compile(r"Packet corrupt \(stream = (\d+), dts = (-?\d+|NOPTS)\)")
"""libavformat/demux.c, of formats that mark packets: of transport streams, a gap in the counters of their packets."""
POSITION: Final = re.compile(r"at pos (\d+)|at:(\d+)|Packet mismatch -?\d+ \d+ (\d+)")
"""Of some of these messages."""


@dataclass(frozen=True)
class LoggedDamage:
    """What the demuxer logged of damage while one packet was read."""

    is_anything: bool = False
    """The demuxer logged something, of any kind."""
    is_damage: bool = False
    """Data is lost or damaged hereabouts."""
    corrupt_dts: tuple[int, ...] = ()
    """Decoding times of damaged packets of the picture stream, which may still be to come."""
    positions: tuple[int, ...] = ()
    """Where in the file, as far as the messages say."""

    def __or__(self, other: LoggedDamage) -> LoggedDamage:
        """What both hold."""
        return LoggedDamage(
            is_anything=self.is_anything or other.is_anything,
            is_damage=self.is_damage or other.is_damage,
            corrupt_dts=self.corrupt_dts + other.corrupt_dts,
            positions=self.positions + other.positions,
        )


NOTHING: Final = LoggedDamage()
GIVEN_UP: Final = LoggedDamage(is_anything=True)
"""No packet was found in as much of the file as is searched."""
BROKEN_OFF: Final = LoggedDamage(is_anything=True, is_damage=True)
"""The demuxer stopped with an error, and can continue."""


def logged_damage(logs: Iterable[Log], format_name: str, stream_index: int) -> LoggedDamage:
    """What these messages say about the picture stream."""
    own = [(level, message) for level, name, message in logs if name == format_name]
    if not own:
        return NOTHING
    damage = DAMAGE.get(format_name)
    matching = [message for _, message in own if damage is not None and damage.match(message)]
    corrupt = [found.groups() for _, message in own if (found := CORRUPT.match(message))]
    of_stream = [dts for index, dts in corrupt if int(index) == stream_index]
    return LoggedDamage(
        is_anything=bool(matching) or bool(of_stream) or any(level <= av.logging.ERROR for level, _ in own),
        is_damage=bool(matching) or "NOPTS" in of_stream,
        corrupt_dts=tuple(int(dts) for dts in of_stream if dts != "NOPTS"),
        positions=tuple(
            int(found[found.lastindex or 0]) for message in matching if (found := POSITION.search(message))
        ),
    )
