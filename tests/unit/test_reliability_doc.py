"""docs/reliability.md and the fault suite say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS: Final = [line for line in DOCUMENT.splitlines() if re.match(r"\| \d+ \|", line)]


def names_in(folder: str) -> set[str]:
    return {
        node.name
        for path in (REPOSITORY / folder).rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_promise_names_its_tests() -> None:
    """And they exist, in files that exist."""
    assert [row.split("|")[1].strip() for row in ROWS] == [str(number) for number in range(1, len(ROWS) + 1)]
    for row in ROWS:
        assert re.search(r"`test_\w+`", row), row
    assert set(re.findall(r"`(test_\w+)`", DOCUMENT)) <= names_in("tests")
    for path in re.findall(r"\]\(\.\./([^)]+)\)", DOCUMENT):
        assert (REPOSITORY / path).is_file(), path


def test_every_test_of_the_fault_suite_is_of_a_promise() -> None:
    assert names_in("tests/faults") <= set(re.findall(r"`(test_\w+)`", "\n".join(ROWS)))
