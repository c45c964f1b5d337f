"""Newline-delimited JSON-RPC 2.0, as bytes: what the daemon and its clients write to each other.

Plain functions; no sockets, no reading of clocks, no knowledge of any verb. What arrives is never trusted: everything
here returns a value or raises `WireError`, for any bytes.
"""

from __future__ import annotations

from typing import Final, Literal, TypeVar

import msgspec

from framed.protocol.messages import ErrorCode

MAX_REQUEST_BYTES: Final = 1 << 20
"""Longest call, without its newline, that is written or accepted: the daemon does not trust its clients."""
MAX_REPLY_BYTES: Final = 1 << 26
"""Longest answer, likewise: it grows with the number of projects."""

_MAX_MESSAGE_CHARS: Final = 4000
"""Of an error, which may quote what it was sent."""

EVENT_METHOD: Final = "event"
"""The method of notifications to subscribers."""

RequestId = int | str
T = TypeVar("T")

_EMPTY_PARAMS: Final = msgspec.Raw(b"{}")


class WireError(Exception):
    """Bytes that are no message of this protocol; `request_id` when that much could be read."""

    def __init__(self, code: ErrorCode, message: str, request_id: RequestId | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.request_id = request_id


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `params` stays undecoded until the verb is known; see `decode_as`."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId
    method: str
    params: msgspec.Raw = _EMPTY_PARAMS


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The `error` member of a response."""

    code: int
    message: str


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: `error` is None exactly when `result` is meant. `id` is None when the request's could not be read."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId | None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorBody | None = None


class _Reply(msgspec.Struct, frozen=True):
    jsonrpc: str
    id: RequestId | None
    result: object


class _Notification(msgspec.Struct, frozen=True):
    jsonrpc: str
    method: str
    params: object


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification, which is not answered. `params` stays undecoded; see `decode_as`."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: str
    params: msgspec.Raw


class _Error(msgspec.Struct, frozen=True):
    jsonrpc: str
    id: RequestId | None
    error: ErrorBody


class _OnlyId(msgspec.Struct, frozen=True):
    id: RequestId | None = None


_encoder: Final = msgspec.json.Encoder()
_request_decoder: Final = msgspec.json.Decoder(Request)
_response_decoder: Final = msgspec.json.Decoder(Response)
_notification_decoder: Final = msgspec.json.Decoder(Notification)


def request(request_id: RequestId, method: str, params: msgspec.Struct) -> bytes:
    """One call as a line, newline included."""
    return _line(Request(id=request_id, method=method, params=msgspec.Raw(_encoder.encode(params))), MAX_REQUEST_BYTES)


def reply(request_id: RequestId, result: msgspec.Struct) -> bytes:
    """The answer to a call that succeeded, as a line."""
    return _line(_Reply("2.0", request_id, result), MAX_REPLY_BYTES)


def error(request_id: RequestId | None, code: ErrorCode, message: str) -> bytes:
    """The answer to a call that failed, or to bytes that were none (`request_id` None), as a line."""
    body = ErrorBody(code=int(code), message=message[:_MAX_MESSAGE_CHARS])
    return _line(_Error("2.0", request_id, body), MAX_REPLY_BYTES)


def event(params: msgspec.Struct) -> bytes:
    """What a subscriber is sent, as a line."""
    return _line(_Notification("2.0", EVENT_METHOD, params), MAX_REPLY_BYTES)


def decode_request(line: bytes) -> Request:
    """The call in one line. Raises WireError (PARSE for what is not JSON, INVALID_REQUEST for what is no call)."""
    try:
        return _request_decoder.decode(line)
    except msgspec.ValidationError as invalid:
        raise WireError(ErrorCode.INVALID_REQUEST, f"not a request: {invalid}", _readable_id(line)) from None
    except (ValueError, RecursionError) as broken:
        raise WireError(ErrorCode.PARSE, f"not JSON: {broken}") from None


def decode_response(line: bytes) -> Response:
    """The answer in one line. Raises WireError."""
    try:
        return _response_decoder.decode(line)
    except msgspec.ValidationError as invalid:
        raise WireError(ErrorCode.INVALID_REQUEST, f"not a response: {invalid}") from None
    except (ValueError, RecursionError) as broken:
        raise WireError(ErrorCode.PARSE, f"not JSON: {broken}") from None


def decode_event(line: bytes) -> msgspec.Raw:
    """The params of the event in one line. Raises WireError."""
    try:
        found = _notification_decoder.decode(line)
    except (ValueError, RecursionError) as broken:
        raise WireError(ErrorCode.INVALID_REQUEST, f"not an event: {broken}") from None
    if found.method != EVENT_METHOD:
        raise WireError(ErrorCode.INVALID_REQUEST, f"not an event but {found.method!r}")
    return found.params


def decode_as(kind: type[T], raw: msgspec.Raw, request_id: RequestId | None = None) -> T:
    """`params` or `result` as the struct they should be. Raises WireError INVALID_PARAMS, naming the field."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError) as invalid:
        raise WireError(ErrorCode.INVALID_PARAMS, str(invalid), request_id) from None


class LineBuffer:
    """Cuts a stream of bytes into lines and never holds more than one line and the last `feed`."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes`: of a line, without its newline."""
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._searched = 0
        """Up to here there is no newline; so that a line in many small pieces costs linear time."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an unfinished line is held."""
        return not self._pending

    def feed(self, received: bytes) -> list[bytes]:
        """Every line that is now complete, without newlines; empty lines are left out.

        Raises WireError when a line is too long: the stream cannot be read on after that.
        """
        self._pending += received
        lines = []
        start = 0
        while (end := self._pending.find(b"\n", max(start, self._searched))) >= 0:
            if end - start > self._max_bytes:
                raise _too_long(self._max_bytes)
            line = bytes(self._pending[start:end]).strip()
            start = end + 1
            if line:
                lines.append(line)
        del self._pending[:start]
        self._searched = len(self._pending)
        if len(self._pending) > self._max_bytes:
            raise _too_long(self._max_bytes)
        return lines


def _too_long(max_bytes: int) -> WireError:
    return WireError(ErrorCode.INVALID_REQUEST, f"a message is longer than {max_bytes} bytes")


def _line(message: msgspec.Struct, max_bytes: int) -> bytes:
    encoded = _encoder.encode(message)
    if len(encoded) > max_bytes:
        raise _too_long(max_bytes)
    return encoded + b"\n"


def _readable_id(line: bytes) -> RequestId | None:
    try:
        return msgspec.json.decode(line, type=_OnlyId).id
    except (ValueError, RecursionError):
        return None
