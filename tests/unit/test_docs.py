"""The pages of documentation: links and anchors hold, the indexes are complete; and the words of the glossary."""

from __future__ import annotations

import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
DECISIONS: Final = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PICTURES: Final = {
    r"heed\w*": "acknowledge, obey",
    r"mend\w*": "fix, correct, retry",
    r"hindrances?": "blocker",
    r"outlook|aftermaths?": "decision, consequence",
    r"rests|rested": "is paused, suspended, settled",
    r"told": "notified, sent, reported",
    r"reckon\w*": "estimate, count",
    r"anew|afresh": "again",
    r"whoever": "the person who",
    r"so many": "how many",
    r"charged": "counted",
    r"comes of it|whatever comes": "the result, the outcome",
    r"look(?:s|ed|ing)? at": "scan, read, check",
    r"seats?|seated": "slot holding",
    r"stands? still|stood still": "is stalled",
    r"with whatever": "with any",
}
"""Words used for a term of docs/glossary.md, with what to write instead."""
STORED_NAMES: Final = frozenset({'"heeds"'})
"""Names of fields in files of earlier versions; they stay."""
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of the page's headings."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#{1,6} (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def links_of(page: Path) -> Iterator[str]:
    """Those within the repository."""
    for target in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """To a file in this repository, and to a heading that it has."""
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in anchors_of(target), f"{link}: {name_of(target)} has no such heading"


@pytest.mark.parametrize("folder", ["operations", "decisions"])
def test_index_of_a_folder_names_each_page_once(folder: str) -> None:
    """docs/operations and docs/decisions have a README.md each."""
    index = DOCS / folder / "README.md"
    listed = Counter(link for link in links_of(index) if "/" not in link)
    assert listed == Counter(page.name for page in (DOCS / folder).glob("*.md") if page != index)


def test_readme_names_every_page() -> None:
    """Those of docs/ itself, and its folders."""
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links_of(ROOT / "README.md")}
    for page in sorted(DOCS.glob("*.md")):
        assert page in linked, f"README.md does not name {name_of(page)}"


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_index_of_decisions_has_the_title_of_each(page: Path) -> None:
    """With its date and status."""
    title = re.sub(r"^# (\d+\. )?", "", page.read_text(encoding="utf-8").splitlines()[0])
    row = rf"\| \[{page.name[:4]}\]\({re.escape(page.name)}\) \| {re.escape(title)} \| 20\d\d-\d\d-\d\d \| \w"
    assert re.search(row, (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")), title


def test_paths_in_architecture_exist() -> None:
    """Modules and folders that it names, in full or by the file's name alone."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    packages = (ROOT / "daemon" / "framed", ROOT / "extractor" / "frame_extractor")
    modules = [path.relative_to(package.parent) for package in packages for path in package.rglob("*.py")]
    for named in re.findall(r"`([a-z0-9_/]+\.py)`", text):
        assert any(f"/{module}".endswith(f"/{named}") for module in modules), f"there is no {named}"
    for package in packages:
        for folder in re.findall(rf"`{package.name}/([\w/]+/)`", text):
            assert (package / folder).is_dir(), f"{package.name} has no {folder}"
    for folder in re.findall(r"`(tests/[\w/]+/)`", text):
        assert (ROOT / folder).is_dir(), folder


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    """In prose; quoted messages, commands and names are not read."""
    prose = re.sub(
        r"^ {4}.*$|`[^`]*`|\]\([^)]*\)", "", _FENCED.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE
    )
    for picture, term in PICTURES.items():
        found = re.search(rf"\b(?:{picture})\b", prose, re.IGNORECASE)
        assert found is None, f"{found[0]!r}; say {term}"


@pytest.mark.parametrize("program", ["daemon", "extractor"])
def test_code_uses_the_words_of_the_glossary(program: str) -> None:
    """In comments, docstrings, messages and log lines."""
    wrong = re.compile("|".join(rf"\b(?:{picture})\b" for picture in PICTURES), re.IGNORECASE)
    found = [
        f"{module.relative_to(ROOT)}:{token.start[0]}: {hit[0]}"
        for module in sorted((ROOT / program).rglob("*.py"))
        for token in tokenize.generate_tokens(
            iter(module.read_text(encoding="utf-8").splitlines(keepends=True)).__next__
        )
        if token.type in (tokenize.COMMENT, tokenize.STRING) and (hit := wrong.search(token.string))
        if token.string not in STORED_NAMES
    ]
    assert not found, "\n".join(found)
