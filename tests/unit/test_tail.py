"""The end of a log, found without reading all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from framed.tail import read_on, start_of_last_lines


@pytest.mark.parametrize("ending", [b"", b"\n"])
@pytest.mark.parametrize("n_lines", [0, 1, 2, 99, 100, 101, 50_000])
def test_last_lines_are_those_that_splitting_all_of_it_gives(tmp_path: Path, n_lines: int, ending: bytes) -> None:
    """Lines of every length, longer than a block among them; with and without a newline at the end."""
    lines = [b"x" * (number * 37 % 9000) for number in range(99)] + [b"y" * 200_000]
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(lines) + ending)
    content, size_bytes = read_on(path, start_of_last_lines(path, n_lines), 1 << 30)
    assert size_bytes == path.stat().st_size
    assert content == (b"\n".join(lines[-n_lines:]) + ending if n_lines else b"")


def test_reading_on_gives_what_was_added_in_pieces(tmp_path: Path) -> None:
    """And nothing of a file that is not there, or is shorter than it was."""
    path = tmp_path / "log"
    assert (start_of_last_lines(path, 5), read_on(path, 7, 10)) == (0, (b"", 0))
    path.write_bytes(b"abcdef")
    assert read_on(path, 0, 4) == (b"abcd", 6)
    assert read_on(path, 4, 4) == (b"ef", 6)
    for beyond in (60, 1 << 53, (1 << 63) - 1):
        assert read_on(path, beyond, 4) == (b"", 6)
