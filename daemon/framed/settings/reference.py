"""The tables of extraction settings in docs/configuration.md, made from their declaration: `make settings`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from frame_extractor.contract.declaration import Declared, declared
from framed.model.project import FrameExtraction
from framed.model.values import expected, shown_default

_TABLE: Final = re.compile(r"(<!-- made by `make settings`: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(section: str, kind: type[FrameExtraction] = FrameExtraction) -> str:
    """A line for each key of this section that says how to extract, in Markdown."""
    rows = [each for each in declared(kind) if each.setting.section == section]
    return "".join(["| key | value | default | meaning |\n| --- | --- | --- | --- |\n", *map(_row, rows)])


def with_tables(page: str) -> str:
    """The page with its tables generated again."""
    return _TABLE.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)


def _row(row: Declared) -> str:
    text = row.setting.help.rstrip(".")
    meaning = row.setting.meaning or (text if text[1].isupper() else text[0].lower() + text[1:])
    return f"| `{row.key}` | {expected(row.type)} | `{shown_default(row)}` | {meaning} |\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
