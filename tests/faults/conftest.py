"""What the fault suite shares: one short real film, and whoever has nothing to do with framed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from frame_extractor.contract.process import ProcessIdentity, identify
from tests.harness.films import FilmPlan, write_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, two shots."""
    path = tmp_path_factory.mktemp("films") / "film.mkv"
    return write_film(path, FilmPlan(size=(160, 96), n_frames=96, cuts=(40,)))


@pytest.fixture
def stranger() -> Iterator[ProcessIdentity]:
    """A process that has nothing to do with framed, and that any signal would end."""
    with subprocess.Popen(["sleep", "600"]) as process:
        identity = identify(process.pid)
        assert identity is not None
        yield identity
        process.kill()
