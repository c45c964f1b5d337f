"""The daemon's own log: one line for each event, and never more of it than a few files."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from framed import log


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """framed's, as it was again afterwards."""
    logger = logging.getLogger("framed")
    before = list(logger.handlers), logger.propagate, logger.level
    yield logger
    for handler in set(logger.handlers) - set(before[0]):
        with contextlib.suppress(OSError):  # what a full disk has not taken
            handler.close()
    logger.handlers[:], logger.propagate, _ = before
    logger.setLevel(before[2])


def test_log_is_rotated_and_the_oldest_of_it_goes(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four files of 4 MB at most, with complete lines; here of 10 kB."""
    monkeypatch.setattr(log, "_MAX_BYTES", 10_000)
    log.configure(tmp_path / "framed.log")
    for number in range(1000):
        logger.info("job changed", extra=log.fields(number=number, project='a "b"\nc'))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["framed.log", "framed.log.1", "framed.log.2", "framed.log.3"]
    assert all(file.stat().st_size <= 10_000 for file in files)
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert all(line.endswith(' project="a \\"b\\"\\nc"') for line in lines)
    assert any(" number=999 " in line for line in lines)


def test_full_disk_under_the_log_costs_lines_and_nothing_else(
    logger: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    """No traceback on stderr for each of them; what goes to stderr itself still does."""
    log.configure(Path("/dev/full"))
    logger.warning("disk low")
    assert capfd.readouterr().err.count("\n") == 1


def test_nothing_in_the_log_steers_a_terminal(
    logger: logging.Logger, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in a field, in a message nor in a traceback, all of which quote names: not in the file, not on stderr."""
    hostile = "a\x1b]0;pwned\x07\r\x9b31m\u202eb"
    log.configure(tmp_path / "framed.log")
    logger.warning("film %s", hostile, extra=log.fields(project=hostile))
    try:
        raise FileNotFoundError(hostile)
    except FileNotFoundError:
        logger.exception("scan failed")
    for text in ((tmp_path / "framed.log").read_text(), capfd.readouterr().err):
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(text)
        assert text.count(r"a\x1b]0;pwned\x07\r\x9b31m\u202eb") == 3
