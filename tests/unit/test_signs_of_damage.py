"""What shows damage before anything is decoded: bytes, messages, times."""

from __future__ import annotations

from fractions import Fraction

import pytest

from frame_extractor.reading.avi_index import Entry, placed
from frame_extractor.reading.beginning import by_order
from frame_extractor.reading.bitstream import UNKNOWN, kind_reader
from frame_extractor.reading.demuxer_log import NOTHING, logged_damage
from frame_extractor.reading.frame_numbers import FrameNumbers
from frame_extractor.reading.gops import Discontinuity, Gop, Packet
from frame_extractor.reading.misplaced import without_misplaced
from frame_extractor.reading.syntax import damage_check

AVCC = b"\x01\x64\x00\x1f\xff"
"""Its last two bits: lengths have four bytes."""
SLICE = b"\x41" + bytes(range(1, 60))


def with_lengths(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("extradata", "packet", "is_damaged"),
    [
        (AVCC, with_lengths(SLICE, SLICE), False),
        (AVCC, with_lengths(b"\x41\x02"), False),
        (AVCC, with_lengths(SLICE + bytes(9)), False),
        (AVCC, with_lengths(SLICE)[:-1], True),
        (AVCC, with_lengths(SLICE) + b"\x01", True),
        (AVCC, with_lengths(SLICE[:20] + bytes(9) + SLICE[29:]), True),
        (AVCC, bytes(64), True),
        (AVCC, with_lengths(b"\xff" + SLICE[1:]), True),
        (None, b"\0\0\0\1" + SLICE + b"\0\0\0\0\1" + SLICE + bytes(20), False),
        (None, b"\0\0\1" + SLICE[:20] + bytes(9) + SLICE[29:], True),
    ],
)
def test_nal_units_that_no_encoder_writes(extradata: bytes | None, packet: bytes, *, is_damaged: bool) -> None:
    """Lengths that do not add up, zeros inside a unit; zeros behind one are stuffing."""
    first = [with_lengths(SLICE) if extradata else b"\0\0\1" + SLICE] * 4
    assert damage_check("h264", extradata, (640, 360), first)(packet) is is_damaged


@pytest.mark.parametrize(
    ("codec", "packet", "is_damaged"),
    [
        ("mpeg2video", b"\0\0\1\0" + SLICE, False),
        ("mpeg2video", SLICE, True),
        ("mpeg4", b"\0\0\1\xb6" + SLICE[:20] + bytes(4) + SLICE, True),
        ("mpeg4", b"\x7f", False),
        ("wmv2", SLICE + bytes(300) + SLICE, False),
        ("wmv2", SLICE + bytes(4096) + SLICE, True),
    ],
)
def test_start_codes_and_long_runs_of_zeros(codec: str, packet: bytes, *, is_damaged: bool) -> None:
    """MPEG pictures begin with a start code; elsewhere only a long run of zeros stands out."""
    assert damage_check(codec, None, (640, 360), [b"\0\0\1\0" + SLICE] * 4)(packet) is is_damaged


def test_a_muxer_that_keeps_to_other_rules_is_not_damage() -> None:
    """What most of the first packets break says nothing."""
    assert not damage_check("h264", AVCC, (640, 360), [b"\0\0\1" + SLICE] * 4)(b"\0\0\1" + SLICE)


def test_only_listed_messages_of_the_demuxer_are_damage() -> None:
    """Each names the format; those of decoders, and of other streams, do not count."""
    said = [(24, "mpegts", "Packet corrupt (stream = 0, dts = 1419750)."), (16, "h264", "mmco: unref short failure")]
    assert logged_damage(said, "mpegts", 0).corrupt_dts == (1419750,)
    assert logged_damage(said, "mpegts", 1).corrupt_dts == ()
    assert logged_damage([(16, "h264", "mmco: unref short failure")], "mpegts", 0) == NOTHING
    flv = logged_damage([(16, "flv", "Packet mismatch -345504379 89242 964937")], "flv", 0)
    assert flv.is_damage
    assert flv.positions == (964937,)
    other = logged_damage([(16, "flv", "something else")], "flv", 0)
    assert (other.is_anything, other.is_damage) == (True, False)


def test_numbers_past_a_hole_follow_from_time_where_the_rate_is_even() -> None:
    """Three frames of 40 ms are missing."""
    numbers = FrameNumbers(25.0, Fraction(1, 1000))
    numbers.add([0, 40, 80])
    assert numbers.skip(n_seen=1, is_all=False, ticks=160) == 3
    assert numbers.next == 6
    assert not numbers.is_counted


@pytest.mark.parametrize("times", [[0, 40, 120], [0, 40, 80]])
def test_numbers_past_a_hole_are_a_count_where_it_is_not_even(times: list[int]) -> None:
    """Frames of varying length, or a gap that is no whole number of them."""
    numbers = FrameNumbers(25.0, Fraction(1, 1000))
    numbers.add(times)
    assert numbers.skip(n_seen=1, is_all=False, ticks=140) == 1
    assert numbers.is_counted


def test_damaged_pictures_that_are_all_there_are_counted_truly() -> None:
    """Whatever their times."""
    numbers = FrameNumbers(25.0, Fraction(1, 1000))
    numbers.add([0, 40, 120])
    assert numbers.skip(n_seen=7, is_all=True, ticks=100) == 7
    assert numbers.next == 10
    assert not numbers.is_counted


ENTRIES = [Entry(number, number, 100 * number, 50 + number) for number in range(12)]


def test_the_index_places_pictures_behind_a_hole() -> None:
    """300 bytes, and with them pictures 5 to 7, are gone; 1000 bytes of header come first."""
    packets = [(1000 + 100 * number, 50 + number) for number in range(5)]
    packets += [(1000 + 100 * number - 300, 50 + number) for number in range(8, 12)]
    found = placed(ENTRIES, packets, [5])
    assert [entry and entry.number for entry in found] == [0, 1, 2, 3, 4, 8, 9, 10, 11]


def test_a_run_out_of_place_and_one_that_fits_nowhere_are_not_placed() -> None:
    """Pictures 8 and 9 lie where 2 and 3 were; then something that the index does not know."""
    packets = [(1000 + 100 * number, 50 + number) for number in (0, 1)]
    packets += [(1200, 58), (1300, 59), (1400, 54), (1500, 55), (1600, 56), (1700, 57), (1800, 99), (1900, 98)]
    found = placed(ENTRIES, packets, [2, 4, 8])
    assert [entry and entry.number for entry in found] == [0, 1, None, None, 4, 5, 6, 7, None, None]


def gop(start: int) -> Gop:
    return Gop([Packet(b"", start + nth, None, 1, nth == 0, is_shown=True, kind=UNKNOWN) for nth in range(5)])


def test_a_stretch_between_two_tears_after_which_the_film_goes_on_is_left_out() -> None:
    """Whether it comes from ahead or from before."""
    for astray in (500, 10):
        parts: list[Gop | Discontinuity] = [
            gop(0),
            gop(100),
            Discontinuity(is_all=False),
            gop(astray),
            Discontinuity(is_all=False),
            gop(120),
            gop(125),
        ]
        left = list(without_misplaced(iter(parts), Fraction(1, 10)))
        assert [part.key.pts for part in left if isinstance(part, Gop)] == [0, 100, 120, 125]
        assert sum(isinstance(part, Discontinuity) for part in left) == 1


def test_another_recording_behind_a_tear_is_kept() -> None:
    """It is longer than what is held back, or nothing goes on behind it."""
    long = [gop(at) for at in range(10, 200, 10)]
    parts: list[Gop | Discontinuity] = [
        gop(0),
        gop(100),
        Discontinuity(is_all=False),
        *long,
        Discontinuity(is_all=False),
        gop(300),
    ]
    assert list(without_misplaced(iter(parts), Fraction(1, 10))) == parts
    assert list(without_misplaced(iter(parts[:5]), Fraction(1, 10))) == parts[:5]


def test_two_tears_with_nothing_between_them_are_one() -> None:
    """What each of them lost is lost."""
    one, other = gop(110).packets, gop(115).packets
    parts: list[Gop | Discontinuity] = [
        gop(0),
        Discontinuity(lost=one, is_all=False),
        Discontinuity(lost=other),
        gop(120),
    ]
    discontinuities = [
        part for part in without_misplaced(iter(parts), Fraction(1, 10)) if isinstance(part, Discontinuity)
    ]
    assert discontinuities == [Discontinuity(lost=one + other, is_all=False)]


def test_a_stretch_out_of_place_does_not_begin_the_film() -> None:
    """The film lacks its beginning, and what comes first belongs behind what follows it."""
    lost = gop(12).packets
    lacking = Discontinuity(is_all=False, lacks_beginning=True)
    parts: list[Gop | Discontinuity] = [lacking, gop(90), Discontinuity(lost=lost, is_all=False), gop(20), gop(25)]
    left = list(without_misplaced(iter(parts), Fraction(1, 10)))
    assert left == [Discontinuity(lost=lost, is_all=False, lacks_beginning=True), gop(20), gop(25)]


@pytest.mark.parametrize(("n_damaged", "is_damaged"), [(0, True), (40, True), (64, False)])
def test_a_damaged_beginning_is_no_habit_of_the_muxer(n_damaged: int, *, is_damaged: bool) -> None:
    """Only what nearly all of the first packets break is one."""
    sound, broken = with_lengths(SLICE), with_lengths(SLICE)[:-1]
    check = damage_check("h264", AVCC, (640, 360), [broken] * n_damaged + [sound] * (64 - n_damaged))
    assert check(broken) is is_damaged


@pytest.mark.parametrize(
    ("units", "is_key"),
    [
        ([b"\x65\x88\x84"], True),
        ([b"\x06\x06\x01\xc4\x80", b"\x41\x88\x84"], True),
        ([b"\x06\x06\x01\xc4\x80", b"\x41\x9a\x22"], False),
        ([b"\x41\x9a\x22"], False),
        ([b"\x41\x88\x84"], None),
    ],
)
def test_a_picture_says_itself_whether_it_is_a_key(units: list[bytes], *, is_key: bool | None) -> None:
    """IDR, recovery point of I slices, P slice; an I slice alone may be either."""
    kind_of = kind_reader("h264", AVCC)
    assert kind_of is not None
    assert kind_of(with_lengths(*units)).is_key is is_key


def test_counts_of_order_say_when_a_film_began() -> None:
    """Up to where they begin again at 0; uneven times say nothing."""
    counts = [(10, 18_750), (6, 11_250), (8, 15_000), (12, 22_500), (0, 26_250)]
    assert by_order(counts, 3750) == 0
    assert by_order([(6, 11_250), (8, 15_000), (10, 25_000)], 3750) is None
    assert by_order([(6, 11_250)], 3750) is None
