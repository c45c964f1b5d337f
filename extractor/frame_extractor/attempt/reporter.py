"""What an attempt tells a person, on the screen and in its log."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from frame_extractor.attempt.failures import Failure
from frame_extractor.contract.attempt import Progress
from frame_extractor.errors import WorkerFault
from frame_extractor.messages import progress_line

log = logging.getLogger("frame_extractor")

LOG_PROGRESS_EVERY_S: Final = 30.0


class Screen(Protocol):
    """What a person sees of an attempt. May be called from two threads; never raises."""

    def note(self, line: str) -> None:
        """Something to know."""

    def failure(self, line: str) -> None:
        """Something went wrong."""

    def result(self, line: str) -> None:
        """A film is complete."""

    def progress(self, progress: Progress) -> None:
        """Once a second."""


class AttemptReporter:
    """A screen whose lines are logged as well."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._logged_at_s = 0.0

    def note(self, line: str) -> None:
        log.info("%s", line)
        self._screen.note(line)

    def result(self, line: str) -> None:
        log.info("%s", line)
        self._screen.result(line)

    def failure(self, failure: Failure, error: BaseException) -> None:
        """One line for the person; for a fault, the log has the traceback, in the worker too."""
        log.error("%s", failure.line, exc_info=error if failure.is_fault else None)
        if isinstance(error, WorkerFault):
            log.error("in the worker:\n%s", error.trace)
        self._screen.failure(failure.line)

    def progress(self, progress: Progress) -> None:
        """From the heartbeat's thread."""
        self._screen.progress(progress)
        if progress.elapsed_s - self._logged_at_s >= LOG_PROGRESS_EVERY_S:
            self._logged_at_s = progress.elapsed_s
            log.info("%s", progress_line(progress))
