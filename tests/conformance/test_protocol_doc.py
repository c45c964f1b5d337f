"""The exchanges in docs/protocol.md, held against the schema, which other tests hold against a real daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.protocol_client import DOCS, SCHEMA, misfit

LEFT_OUT = "..."
"""In place of what an example does not show: a member, an item, or the rest of an object."""


def exchanges() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each request that is JSON, and what came back."""
    asked: dict[str, Any] | None = None
    answers: list[dict[str, Any]] = []
    for line in (DOCS / "protocol.md").read_text(encoding="utf-8").splitlines():
        arrow, _, text = line.strip().partition(" ")
        if arrow == "->":
            if asked is not None:
                yield asked, answers
            asked, answers = (json.loads(text) if text.startswith("{") else None), []
        elif arrow == "<-" and asked is not None:
            answers.append(json.loads(shortened_to_json(text)))
    if asked is not None:
        yield asked, answers


def shortened_to_json(text: str) -> str:
    """The example with its `...` as JSON."""
    text = text.replace("{...}", '{"...":0}')
    text = re.sub(r",\.\.\.(?=\})", ',"...":0', text)
    return re.sub(r"(?<=[\[,])\.\.\.(?=[\],])", '"..."', text)


def unlike(value: Any, schema: dict[str, Any], where: str) -> str:
    """Where the example has a member that there is none of, or lacks one it does not say is left out."""
    if "$ref" in schema:
        return unlike(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "anyOf" in schema:
        return "" if value is None else unlike(value, schema["anyOf"][-1], where)
    if isinstance(value, list):
        items = [(number, each) for number, each in enumerate(value) if each != LEFT_OUT]
        found = [unlike(each, schema.get("items") or {}, f"{where}[{number}]") for number, each in items]
        return next(filter(None, found), "")
    known = schema.get("properties", {})
    if not isinstance(value, dict) or not known:
        return ""
    if strange := value.keys() - known.keys() - {LEFT_OUT}:
        return f"{where}: there is no {strange}"
    if LEFT_OUT not in value and (missing := known.keys() - value.keys()):
        return f"{where}: {missing} missing"
    found = [unlike(each, known[name], f"{where}.{name}") for name, each in value.items() if name != LEFT_OUT]
    return next(filter(None, found), "")


def _name(part: object) -> str:
    return str(part["method"]) if isinstance(part, dict) else ""


@pytest.mark.parametrize(("asked", "answers"), [*exchanges()], ids=_name)
def test_every_exchange_is_as_the_schema_says(asked: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """What is asked, but where the answer is an error; every member of what is answered or sent, and no other."""
    first, *events = answers
    assert first["id"] == asked["id"]
    if "error" in first:
        assert first["error"]["code"] in SCHEMA["error_codes"].values()
        return
    verb = SCHEMA["verbs"][asked["method"]]
    assert misfit(asked["params"], verb["params"], "params") == ""
    assert asked["params"].keys() <= SCHEMA["$defs"][verb["params"]["$ref"].rpartition("/")[2]]["properties"].keys()
    assert unlike(first["result"], verb["result"], "result") == ""
    for event in events:
        assert event.keys() == {"jsonrpc", "method", "params"}
        assert unlike(event["params"], SCHEMA["event"]["properties"]["params"], "event") == ""


def test_every_documented_verb_has_an_example() -> None:
    """Which is how people learn it."""
    assert {asked["method"] for asked, answers in exchanges() if answers} >= SCHEMA["verbs"].keys() - {
        "resume",
        "undrain",
    }
