"""The control protocol as docs/protocol.md and docs/protocol.schema.json tell it, held against a real daemon.

The client here is written from those two alone, with nothing but the standard library: nothing of framed is asked.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framed.control.schema import text
from framed.control.verbs import VERBS
from tests.fakes.root import QUICK, Root, roots, until

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


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("protocol")):
        made: Root = make(QUICK.replace("watch: {", "watch: {auto_submit: false, "))
        made.start()
        yield made


@pytest.fixture
def client(root: Root) -> Iterator[Client]:
    made = Client(root)
    yield made
    made.close()


def state_of(client: Client, project: str) -> str:
    return str(client.call("status", projects=[project])["projects"][0]["state"])


def test_schema_in_the_docs_is_that_of_the_types() -> None:
    """`make schema` writes it anew."""
    assert (DOCS / "protocol.schema.json").read_text(encoding="utf-8") == text()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_field_is_told_in_words(verb: str) -> None:
    """Each has a section of its own, or shares one, in which every field of its params and result is named."""
    words = (DOCS / "protocol.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", words, flags=re.MULTILINE)
    section = next((each for each in sections if verb in re.findall(r"\w+", each.partition("\n")[0])), None)
    assert section is not None, f"docs/protocol.md has no section on {verb}"
    told = set(re.findall(r"\w+", section))
    for side in ("params", "result"):
        kind = SCHEMA["$defs"][SCHEMA["verbs"][verb][side]["$ref"].rpartition("/")[2]]
        assert set(kind["properties"]) - told == set()


def test_one_project_from_submit_to_clean(root: Root, client: Client) -> None:
    """Every verb about it answers, and each answer has the shape that the schema promises."""
    gate = root.places.root / "gate"
    root.film("onward", f"wait {gate}")
    assert client.hello["root"] == str(root.places.root)
    submitted = client.call("submit", projects=["onward"], overrides={"mode": "scene"}, key="conformance-1")
    assert submitted["outcomes"][0]["outcome"] == "queued"
    assert client.call("submit", projects=["onward"], overrides={"mode": "scene"}, key="conformance-1") == submitted
    until(lambda: state_of(client, "onward") == "RUNNING", "it runs")
    until(lambda: "error" not in client.answer("attach", project="onward"), "it has a session")
    assert client.call("attach", project="onward", write=True)["session"] == "frame_extraction_onward"
    shown = client.call("show", project="onward")
    assert {each["name"]: each["job_value"] for each in shown["settings"]}["mode"] == "scene"
    log = client.call("logs", project="onward", lines=5)
    assert base64.b64decode(log["content"], validate=True).count(b"\n") <= 5
    assert (
        client.answer("clean", project="onward", key="conformance-2")["error"]["code"]
        == SCHEMA["error_codes"]["refused"]
    )
    gate.touch()
    until(lambda: state_of(client, "onward") == "COMPLETE", "it is complete")
    assert (
        client.call("retry", projects=["onward"], key="conformance-3")["outcomes"][0]["outcome"] == "already_complete"
    )
    assert client.call("cancel", projects=["onward"], key="conformance-4")["outcomes"][0]["cancelled"] is False
    (facts,) = client.call("projects")["projects"]
    assert [film["state"] for film in facts["films"]] == ["extracted"]
    assert client.call("clean", project="onward", dry_run=True, key="conformance-5")["dry_run"] is True


def test_settings_say_what_holds_and_who_says_so(root: Root, client: Client) -> None:
    """Also while the file is wrong: then what was read before holds on, and the error is told."""
    told = client.call("settings")
    assert told["file"] == str(root.places.settings_file)
    by_name = {each["name"]: (each["value"], each["origin"]) for each in told["settings"]}
    assert by_name["frame_extraction.mode"] == ("hybrid", "default")
    assert (told["error"], told["need_restart"]) == ("", [])
    root.places.settings_file.write_text("budget:\n  slots: many\n")
    assert "error" in client.answer("reload")
    told = client.call("settings")
    assert "budget.slots" in told["error"]
    assert {each["name"]: (each["value"], each["origin"]) for each in told["settings"]} == by_name


def test_errors_have_the_codes_that_are_told(root: Root, client: Client) -> None:
    """And the connection goes on after each."""
    codes = SCHEMA["error_codes"]
    for method, params, code in (
        ("show", {"project": "nobody"}, "no_such_project"),
        ("show", {}, "invalid_params"),
        ("show", {"project": "nobody", "colour": 1}, "invalid_params"),
        ("logs", {"project": "nobody", "lines": -1}, "invalid_params"),
        ("submit", {"key": "e-1"}, "invalid_params"),
        ("submit", {"projects": ["a"], "all": True, "key": "e-2"}, "invalid_params"),
        ("submit", {"projects": ["a"]}, "invalid_params"),
        ("cancel", {"projects": [7], "key": "e-3"}, "invalid_params"),
        ("make_coffee", {}, "unknown_method"),
    ):
        assert client.answer(method, **params)["error"]["code"] == codes[code], method
    assert client.call("status")["schema"] == 1
