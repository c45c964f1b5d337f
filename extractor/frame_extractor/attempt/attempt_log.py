"""The log file of an attempt. It is safe to print on a terminal, whatever films and folders are called."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from frame_extractor.contract.attempt import AttemptSpec

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and marks that change the direction of the text."""


class _LogLines(logging.Formatter):
    """Lines without control characters for the terminal: films and folders may have any name."""

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL_CHARACTERS.sub(lambda found: ascii(found[0])[1:-1], super().format(record))


class _LogFile(logging.FileHandler):
    """Follows no symbolic link: in a folder that others may write to, names can be guessed. Raises OSError (ELOOP)."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o666)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)


@contextlib.contextmanager
def log_file(spec: AttemptSpec, log: logging.Logger) -> Iterator[None]:
    """What is logged to `log` goes to the attempt's file and nowhere else; failing to write it ends nothing."""
    logging.raiseExceptions = False
    handler: logging.Handler = logging.NullHandler()
    if spec.log_path is not None:
        with contextlib.suppress(OSError):
            Path(spec.log_path).parent.mkdir(parents=True, exist_ok=True)
            handler = _LogFile(spec.log_path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_LogLines("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
        handler.close()
