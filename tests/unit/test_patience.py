"""Blocking calls that are waited for only so long."""

from __future__ import annotations

import threading

import pytest

from framed.patience import NoAnswer, Patience
from tests.harness.until import until

LIMIT_S = 0.5
"""Long enough that a call which returns at once does so even where others want the processor."""


def test_call_that_hangs_costs_the_others_nothing_and_is_not_made_twice() -> None:
    patience = Patience[str](LIMIT_S)
    gate = threading.Event()
    asked = []

    def call(key: str) -> str:
        asked.append(key)
        if key == "b":
            gate.wait()
        return key.upper()

    assert patience.each("abc", call) == {"a": "A", "c": "C"}
    assert patience.each("abc", call) == {"a": "A", "c": "C"}
    assert asked == [*"abc", *"ac"]
    with pytest.raises(NoAnswer, match="does not answer"):
        patience.call("b", lambda: "B")
    gate.set()
    assert until(lambda: patience.each("b", str), "it is asked again") == {"b": "b"}


def test_late_answer_is_returned_the_next_time_where_that_is_wanted() -> None:
    """A listing that takes longer than anybody waits for would never be seen otherwise."""
    patience = Patience[str](LIMIT_S, keeps_late=True)
    gate = threading.Event()

    def slow(_key: str) -> str:
        gate.wait()
        return "late"

    assert patience.each("a", slow) == {}
    gate.set()
    assert until(lambda: patience.each("a", lambda _key: "next"), "there is an answer") == {"a": "late"}
    assert patience.each("a", lambda _key: "next") == {"a": "next"}


def test_what_a_call_raises_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        Patience[str](10).call("a", lambda: 1 // 0)
