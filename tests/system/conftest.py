"""Roots for tests that run a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.root import Root, roots


@pytest.fixture
def new_root(tmp_path: Path) -> Iterator[Callable[..., Root]]:
    """Makes roots; see `Root`. Nothing of them runs on after the test."""
    yield from roots(tmp_path)


@pytest.fixture
def root(new_root: Callable[..., Root]) -> Root:
    return new_root()
