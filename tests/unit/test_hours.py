"""Times of day between which films are extracted: what is inside, and when it begins again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framed.policy.hours import changes_in_s, outside, windows_of
from framed.reason_text import reason_text

TIMES = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.lists(st.builds(lambda begins, ends: f"{begins}-{ends}", TIMES, TIMES), min_size=1, max_size=3)
MOMENTS = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30))  # noqa: DTZ001 -- local, as people say it


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{time}")


@pytest.mark.parametrize(
    ("windows", "time", "words"),
    [
        ("", "03:00", ""),
        ("22:00-07:00", "21:59:30", "outside its hours: continues at 22:00, in 1 min"),
        ("22:00-07:00", "22:00", ""),
        ("22:00-07:00", "00:00", ""),
        ("22:00-07:00", "06:59:59", ""),
        ("22:00-07:00", "07:00", "outside its hours: continues at 22:00, in 15 h 0 min"),
        ("22:00-7:00, 12:00 - 13:30", "11:15", "outside its hours: continues at 12:00, in 45 min"),
        ("22:00-7:00, 12:00 - 13:30", "13:29", ""),
        ("00:00-24:00", "12:00", ""),
        ("18:00-24:00", "23:59", ""),
        ("18:00-24:00", "00:00", "outside its hours: continues at 18:00, in 18 h 0 min"),
    ],
)
def test_window_holds_its_beginning_and_not_its_end(windows: str, time: str, words: str) -> None:
    """Also through midnight."""
    found = outside(windows_of(windows), at(time))
    assert (reason_text(found) if found else "") == words


@given(WINDOWS, MOMENTS)
def test_it_changes_when_it_is_said_to_and_not_before(texts: list[str], now: datetime) -> None:
    """Nothing is missed by whoever sleeps until then."""
    windows = windows_of(", ".join(texts))
    wait_s = changes_in_s(windows, now)
    assert wait_s is not None
    before = bool(outside(windows, now))
    for part in (0.25, 0.5, 0.999):
        assert bool(outside(windows, now + timedelta(seconds=wait_s * part))) is before


def test_without_windows_nothing_ever_changes() -> None:
    assert changes_in_s((), at("12:00")) is None
