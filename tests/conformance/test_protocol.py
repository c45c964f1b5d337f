"""The control protocol as docs/protocol.md and docs/protocol.schema.json have it, compared with a real daemon."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from framed.protocol.schema import text
from framed.protocol.verbs import VERBS
from tests.conformance.protocol_client import DOCS, SCHEMA, Client
from tests.harness.root import MANUAL, Root, roots
from tests.harness.until import until


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("protocol")):
        made: Root = make(MANUAL)
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
def test_every_verb_and_field_is_documented(verb: str) -> None:
    """Each has a section of its own, or shares one, in which every field of its params and result is named."""
    words = (DOCS / "protocol.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", words, flags=re.MULTILINE)
    section = next((each for each in sections if verb in re.findall(r"\w+", each.partition("\n")[0])), None)
    assert section is not None, f"docs/protocol.md has no section on {verb}"
    documented = set(re.findall(r"\w+", section))
    for side in ("params", "result"):
        kind = SCHEMA["$defs"][SCHEMA["verbs"][verb][side]["$ref"].rpartition("/")[2]]
        assert set(kind["properties"]) - documented == set()


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


def test_every_verb_of_the_protocol_is_served(client: Client) -> None:
    message = client.answer("make_coffee")["error"]["message"]
    assert re.findall(r"\w+", message.partition("there are ")[2]) == list(VERBS)


def test_settings_show_each_value_and_its_origin(root: Root, client: Client) -> None:
    """Also while the file is wrong: then what was read before holds on, and the error is reported."""
    reply = client.call("settings")
    assert reply["file"] == str(root.places.settings_file)
    by_name = {each["name"]: (each["value"], each["origin"]) for each in reply["settings"]}
    assert by_name["frame_extraction.mode"] == ("hybrid", "default")
    assert (reply["error"], reply["need_restart"]) == ("", [])
    root.places.settings_file.write_text("budget:\n  slots: many\n")
    assert "error" in client.answer("reload")
    reply = client.call("settings")
    assert "budget.slots" in reply["error"]
    assert {each["name"]: (each["value"], each["origin"]) for each in reply["settings"]} == by_name


def test_errors_have_the_documented_codes(root: Root, client: Client) -> None:
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
