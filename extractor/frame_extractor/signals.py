"""SIGINT, SIGTERM and SIGHUP as one exception in the main thread, at a moment of our choosing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final, Self

from frame_extractor.failures import Interrupted

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndingSignals:
    """While entered, the first ending signal raises Interrupted in the main thread; further ones change nothing,

    except that a third Ctrl-C ends the process on the spot: workers notice and die, `temp/` stays for the next attempt.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._raised = False
        self._presses = 0
        self._depth = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _ENDING:
            # SIGHUP ignored from the start is what `nohup` means; it stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """What is inside is done whole; a signal that came meanwhile is raised at its end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        self._raise_if_due()

    def disarm(self) -> None:
        """From here on ending signals change nothing: what is left to do is the ending."""
        self._raised = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._presses += 1
            if self._presses >= 3:
                os._exit(128 + signal.SIGINT)
        if self._received is None:
            self._received = number
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._received is not None and not self._raised and self._depth == 0:
            self._raised = True
            raise Interrupted(self._received)
