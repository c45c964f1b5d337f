"""The film that most extractions here are of, and what it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.extraction import LONG, Outcome, extract
from tests.harness.films import write_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "long.mkv", LONG)


@pytest.fixture(scope="session")
def undisturbed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return extract(film, tmp_path_factory.mktemp("undisturbed") / "temp")
