"""The control protocol as one JSON Schema document, made from the types: `python -m framed.protocol.schema`.

`make schema` writes it to docs/protocol.schema.json; a test fails when that file is not what this prints.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import msgspec

from framed.protocol.documents import DryRun, Versions, Waited
from framed.protocol.messages import PROTOCOL, ErrorCode
from framed.protocol.verbs import VERBS
from framed.protocol.wire import EVENT_METHOD

_PLACE: Final = "#/$defs/{name}"
_DOCUMENTS: Final = {"wait": Waited, "submit --dry-run": DryRun, "version": Versions}
"""What `framectl --json` prints and no verb answers."""


def document() -> dict[str, Any]:
    """The schema of the envelopes and of every verb's `params` and `result`, in the order of the table of verbs."""
    events = {name: verb.event for name, verb in VERBS.items() if verb.event is not None}
    asked = [kind for verb in VERBS.values() for kind in (verb.params, verb.reply)]
    kinds = [*asked, *events.values(), *_DOCUMENTS.values()]
    references, components = msgspec.json.schema_components(kinds, ref_template=_PLACE)
    by_kind = dict(zip(kinds, references, strict=True))
    request_id = {"type": ["integer", "string"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Control protocol of framed",
        "protocol": PROTOCOL,
        "request": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "id": request_id,
                "method": {"enum": list(VERBS)},
                "params": {"type": "object"},
            },
            "required": ["id", "method"],
        },
        "response": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "id": {"anyOf": [request_id, {"type": "null"}]},
                "result": {"type": "object"},
                "error": {
                    "type": "object",
                    "properties": {
                        "code": {"type": "integer"},
                        "message": {"type": "string"},
                    },
                    "required": ["code", "message"],
                },
            },
            "required": ["jsonrpc", "id"],
            "oneOf": [{"required": ["result"]}, {"required": ["error"]}],
        },
        "event": {
            "type": "object",
            "properties": {
                "jsonrpc": {"const": "2.0"},
                "method": {"const": EVENT_METHOD},
                "params": {"anyOf": [by_kind[kind] for kind in events.values()]},
            },
            "required": ["jsonrpc", "method", "params"],
        },
        "verbs": {
            name: {"params": by_kind[verb.params], "result": by_kind[verb.reply]} for name, verb in VERBS.items()
        },
        "documents": {name: by_kind[kind] for name, kind in _DOCUMENTS.items()},
        "error_codes": {code.name.lower(): int(code) for code in ErrorCode},
        "$defs": components,
    }


def text() -> str:
    """The document as it is in the file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
