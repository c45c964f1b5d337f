"""SIGINT, SIGTERM and SIGHUP as one exception in the main thread, and sections that they must not interrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final, Self

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asks this process to end. Not an Exception, so that no handler takes it for a film's fault."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    def __str__(self) -> str:
        by = "Ctrl-C" if self.signal_number == signal.SIGINT else signal.Signals(self.signal_number).name
        return f"ended by {by}"


_entered: EndingSignals | None = None


class EndingSignals:
    """While entered, the first ending signal raises Interrupted in the main thread, on whatever line that is.

    Further ones change nothing, except that a third Ctrl-C ends the process at once: workers end with it,
    `temp/` stays for the next attempt.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._is_armed = True
        self._is_raised = False
        self._presses = 0
        self._depth = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        global _entered  # noqa: PLW0603 -- signal handlers are the process's, and so is this
        _entered = self
        for number in _ENDING:
            # SIGHUP ignored from the start is what `nohup` means; it stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _entered  # noqa: PLW0603
        for number, handler in self._before.items():
            signal.signal(number, handler)
        _entered = None

    @property
    def is_ending(self) -> bool:
        """Whether a signal has come, and this process has not yet begun to end."""
        return self._received is not None and self._is_armed

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """What is inside is not interrupted; a signal that came meanwhile is raised at its end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if not self._is_raised:
            self.check()

    def check(self) -> None:
        """Raises Interrupted when a signal has come, and again until disarmed.

        To be called regularly: what a signal handler raises is lost in a finalizer, and in callbacks from C.
        """
        if self._received is not None and self._is_armed and self._depth == 0:
            self._is_raised = True
            raise Interrupted(self._received)

    def disarm(self) -> None:
        """From here on ending signals change nothing: the process is ending."""
        self._is_armed = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._presses += 1
            if self._presses >= 3:
                os._exit(128 + signal.SIGINT)
        if self._received is None:
            self._received = number
        if not self._is_raised:
            self.check()


def interrupt_deferred() -> contextlib.AbstractContextManager[None]:
    """An ending signal that comes inside is raised at its end.

    For C functions that call Python back: an exception from a signal handler does not get through them.
    """
    is_ours = _entered is not None and threading.current_thread() is threading.main_thread()
    return _entered.deferred() if _entered is not None and is_ours else contextlib.nullcontext()


def is_ending() -> bool:
    """Whether an ending signal has come."""
    return _entered is not None and _entered.is_ending


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Ending signals that come inside are delivered at its end. Processes started inside begin with them blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in _ENDING}
    ours = [number for number, handler in before.items() if callable(handler)]
    for number in ours:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        for number in ours:
            signal.signal(number, before[number])
        for came in arrived:
            signal.raise_signal(came)


def leave_signals_to_parent() -> None:
    """In a worker process started inside `signals_held()`: the parent handles Ctrl-C, which reaches all processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
