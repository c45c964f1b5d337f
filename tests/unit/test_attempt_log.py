"""The log of an attempt: whom it can lead elsewhere, and what it can do to a terminal."""

from __future__ import annotations

import logging
from pathlib import Path

from frame_extractor.attempt.attempt_log import log_file
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.settings import ExtractionSettings


def written(log_path: Path, message: str) -> None:
    spec = AttemptSpec(
        project="p", job_id="j", attempt=1, films=(), frames_dir="/nowhere/frames", settings=ExtractionSettings(),
        workers=1, log_path=str(log_path),
    )  # fmt: skip
    log = logging.getLogger("test of an attempt's log")
    with log_file(spec, log):
        try:
            raise FileNotFoundError(message)
        except FileNotFoundError:
            log.exception("film %s", message)


def test_attempt_log_steers_no_terminal(tmp_path: Path) -> None:
    """Neither by a message nor by a traceback; text of every script stays as it is."""
    written(tmp_path / "log", "\x1b]0;pwned\x07\r\x9b31m\u202e \u00e9 \u4f60 \U0001f469\u200d\U0001f52c")
    text = (tmp_path / "log").read_text()
    assert text.count(r"\x1b]0;pwned\x07\r\x9b31m\u202e" + " \u00e9 \u4f60 \U0001f469\u200d\U0001f52c") == 2
    assert text.count("Traceback") == 1


def test_attempt_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    """And nothing else is lost for that."""
    (tmp_path / "victim").write_text("as it was")
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    written(tmp_path / "log", "lost")
    assert (tmp_path / "victim").read_text() == "as it was"
