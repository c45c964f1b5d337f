"""The daemon's own log: constant messages with fields, on stderr and in the state folder."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from pathlib import Path
from typing import Final

from framed.printable import printable
from framed.service_manager import is_journal

_MAX_BYTES: Final = 4 * 1024 * 1024
_KEPT_FILES: Final = 3

_JOURNAL_PRIORITIES: Final = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""See sd-daemon(3)."""


def fields(**values: object) -> dict[str, object]:
    """`extra=` of a log call: the fields that follow the message. Fields that are None are left out."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


class _Lines(logging.Formatter):
    """`2025-11-15T14:30:00Z INFO job running job_id=... project="a b"`: always one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the name is logging's
        line = super().formatMessage(record)
        named = getattr(record, "fields", {})
        return " ".join([line, *(f"{name}={shown(value)}" for name, value in named.items())])

    def format(self, record: logging.LogRecord) -> str:
        # A traceback may contain names too, and the log may be shown in a terminal.
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


class _JournalLines(_Lines):
    """The same without time and level, which the journal keeps itself: `<6>job running job_id=...`."""

    def __init__(self) -> None:
        super().__init__()
        self._style = logging.PercentStyle("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        # Each line of a traceback is an entry of its own, and needs a priority of its own.
        prefix = f"<{_JOURNAL_PRIORITIES.get(record.levelname, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).split("\n"))


def configure(file: Path) -> None:
    """framed logs to stderr and to `file`, which is rotated. Calling it again changes the file."""
    logger = logging.getLogger("framed")
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    kept = logging.handlers.RotatingFileHandler(
        file, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", errors="backslashreplace", delay=True
    )
    shown_at_once = logging.StreamHandler()
    kept.setFormatter(_Lines())
    shown_at_once.setFormatter(_JournalLines() if is_journal(sys.stderr.fileno(), os.environ) else _Lines())
    for handler in (shown_at_once, kept):
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # A full disk under the log must not fill stderr with tracebacks.
    logging.raiseExceptions = False


def shown(value: object) -> str:
    """The value on one line, quoted if necessary."""
    text = str(value)
    plain = text.isprintable() and not any(each in text for each in ' "=\\')
    return text if plain and text else '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
