"""A client of the control protocol, written from docs/protocol.md and docs/protocol.schema.json alone, with nothing but
the standard library: nothing of framed is asked. It holds what comes and goes against that schema.
"""

from __future__ import annotations

import itertools
import json
import socket
from pathlib import Path
from typing import Any

from tests.harness.root import Root

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "protocol.schema.json").read_text(encoding="utf-8"))
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
    "null": type(None),
}  # fmt: skip


def misfit(value: Any, schema: dict[str, Any], where: str = "") -> str:
    """Where and how the value is not as the schema says; empty when it is. Knows the keywords our schema uses."""
    if "$ref" in schema:
        return misfit(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "anyOf" in schema:
        found = [misfit(value, each, where) for each in schema["anyOf"]]
        return "" if "" in found else " and ".join(found)
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        return f"{where}: {value!r} is not {schema['const']!r}"
    kinds = schema.get("type", list(TYPES))
    if not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return f"{where}: {value!r} is no {kinds}"
    if isinstance(value, dict):
        if missing := [name for name in schema.get("required", []) if name not in value]:
            return f"{where}: {missing} missing"
        known = schema.get("properties", {})
        found = [misfit(each, known[name], f"{where}.{name}") for name, each in value.items() if name in known]
        return next(filter(None, found), "")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        found = [misfit(each, schema["items"], f"{where}[{number}]") for number, each in enumerate(value)]
        return next(filter(None, found), "")
    return ""


def _is(value: Any, kind: str) -> bool:
    """In JSON true is no number; in Python it is."""
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


class Client:
    """A connection on which hello has been said."""

    def __init__(self, root: Root) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(str(root.places.root / "state" / "control.sock"))
        self._lines = self.socket.makefile("rwb")
        self._numbers = itertools.count(1)
        self.hello = self.call("hello", protocol=SCHEMA["protocol"], client="conformance")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result, which is as the schema says; so was what was sent."""
        assert misfit(params, SCHEMA["verbs"][method]["params"], method) == ""
        answer = self.answer(method, **params)
        assert "error" not in answer, answer
        assert misfit(answer["result"], SCHEMA["verbs"][method]["result"], method) == ""
        result: dict[str, Any] = answer["result"]
        return result

    def answer(self, method: str, **params: Any) -> dict[str, Any]:
        """The response as it came."""
        number = next(self._numbers)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._lines.write(json.dumps(request).encode() + b"\n")
        self._lines.flush()
        answer: dict[str, Any] = json.loads(self._lines.readline())
        assert answer["id"] == number
        assert misfit(answer, SCHEMA["response"], "response") == ""
        return answer

    def close(self) -> None:
        self._lines.close()
        self.socket.close()
