"""Frames: what comes in as bytes goes out as values or WireError, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framed.protocol import wire
from framed.protocol.messages import ErrorCode, Submit


def test_request_survives_the_wire() -> None:
    submit = Submit(projects=("é 你", "a\nb"), key="k")
    line = wire.request(7, "submit", submit)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    decoded = wire.decode_request(line)
    assert (decoded.id, decoded.method) == (7, "submit")
    assert wire.decode_as(Submit, decoded.params) == submit


def test_answers_survive_the_wire() -> None:
    good = wire.decode_response(wire.reply("x", Submit(projects=(), key="k")))
    assert (good.id, good.error) == ("x", None)
    bad = wire.decode_response(wire.error(None, ErrorCode.REFUSED, "no"))
    assert bad.error == wire.ErrorBody(code=ErrorCode.REFUSED, message="no")


def test_error_that_quotes_a_megabyte_still_fits_a_frame() -> None:
    assert len(wire.error(1, ErrorCode.INVALID_PARAMS, "x" * wire.MAX_REQUEST_BYTES)) < 10_000


def test_answer_may_be_longer_than_any_call() -> None:
    """Of many projects, say."""
    long = Submit(projects=("x" * 2 * wire.MAX_REQUEST_BYTES,), key="k")
    answer = wire.reply(1, long)
    [line] = wire.LineBuffer(wire.MAX_REPLY_BYTES).feed(answer)
    assert wire.decode_as(Submit, wire.decode_response(line).result) == long
    with pytest.raises(wire.WireError, match=f"longer than {wire.MAX_REQUEST_BYTES} bytes"):
        wire.request(1, "submit", long)


def test_answer_that_no_client_takes_is_an_error_here_not_there() -> None:
    with pytest.raises(wire.WireError, match=f"longer than {wire.MAX_REPLY_BYTES} bytes"):
        wire.reply(1, Submit(projects=("x" * wire.MAX_REPLY_BYTES,), key="k"))


def test_unreadable_request_is_answered_under_its_own_id_where_it_has_one() -> None:
    with pytest.raises(wire.WireError) as raised:
        wire.decode_request(b'{"jsonrpc":"2.0","id":5,"method":3}')
    assert (raised.value.code, raised.value.request_id) == (ErrorCode.INVALID_REQUEST, 5)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_raise_wire_error(content: bytes) -> None:
    for decode in (wire.decode_request, wire.decode_response):
        try:
            decode(content)
        except wire.WireError:
            continue


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_no_json_does_more_than_raise_wire_error(value: object) -> None:
    with pytest.raises(wire.WireError) as raised:
        wire.decode_as(Submit, msgspec.Raw(msgspec.json.encode(value)))
    assert raised.value.code is ErrorCode.INVALID_PARAMS


def test_depth_is_no_way_to_end_the_daemon() -> None:
    with pytest.raises(wire.WireError):
        wire.decode_request(b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 500_000)


@given(st.lists(st.binary(min_size=1, max_size=20)), st.lists(st.integers(1, 7), min_size=1))
def test_lines_are_the_same_however_the_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    lines = [line for content in contents if (line := content.replace(b"\n", b"").strip())]
    stream = b"".join(line + b"\n" for line in lines)
    buffer = wire.LineBuffer(wire.MAX_REQUEST_BYTES)
    found = []
    position = 0
    for n_bytes in cuts * (len(stream) + 1):
        found += buffer.feed(stream[position : position + n_bytes])
        position += n_bytes
    assert found == lines
    assert buffer.is_empty


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_frame_that_is_too_long_is_refused_with_and_without_its_end(ending: bytes) -> None:
    buffer = wire.LineBuffer(wire.MAX_REQUEST_BYTES)
    assert buffer.feed(b"x" * wire.MAX_REQUEST_BYTES + b"\n") == [b"x" * wire.MAX_REQUEST_BYTES]
    with pytest.raises(wire.WireError):
        buffer.feed(b"x" * (wire.MAX_REQUEST_BYTES + 1) + ending)
