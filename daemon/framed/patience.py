"""Blocking calls with a time limit, for disks whose server may not respond.

A call that has not returned keeps its thread, and nothing more is asked of the same key until it does.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

_MANY: Final = 8
"""Calls that have not returned, from which on others are waited for only"""
_SHORT_S: Final = 0.05
_MOST: Final = 64
"""Threads that hang at most; then nothing new is asked."""


class NoAnswer(OSError):
    """The call has not returned in time, or an earlier one of the same key still has not."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "it does not answer; is its disk there?")


class Patience(Generic[K]):
    """Calls by key, in threads that may be left behind. May be used by several threads at once."""

    def __init__(self, patience_s: float, *, keeps_late: bool = False) -> None:
        """`patience_s`: how long one call is waited for, or up to twice as long where there are several.

        `keeps_late`: a call that has returned late answers the next time that its key is asked for, in place of a new
        one, so that a slow disk still gives answers.
        """
        self._patience_s = patience_s
        self._keeps_late = keeps_late
        self._late: dict[K, object] = {}
        """Answers that came after the time limit."""
        self._hanging: set[K] = set()
        self._lock = threading.Lock()

    def call(self, key: K, call: Callable[[], R]) -> R:
        """What the call returns or raises; NoAnswer when that takes too long."""
        answers = self.each((key,), lambda _key: _caught(call))
        if key not in answers:
            raise NoAnswer
        value, failed = answers[key]
        if failed is not None:
            raise failed
        return value[0]

    def each(self, keys: Iterable[K], call: Callable[[K], R]) -> dict[K, R]:
        """What the call returns for each key, one after the other; those that take too long are missing.

        `call` must not raise. As a rule all of it is one thread.
        """
        keys = list(keys)
        with self._lock:
            answers = {key: cast(R, self._late.pop(key)) for key in keys if key in self._late}
        queue = deque(key for key in keys if key not in self._hanging and key not in answers)
        while queue and len(self._hanging) < _MOST:
            turn = _Turn(queue, call)
            threading.Thread(target=self._work, args=(turn,), name="patience", daemon=True).start()
            while not turn.wait(self._patience_s if len(self._hanging) < _MANY else _SHORT_S):
                with self._lock:
                    hanging = turn.abandon()
                    if hanging is not None:
                        self._hanging.add(hanging[0])
                        break
            answers |= turn.answers
        return answers

    def _work(self, turn: _Turn[K, R]) -> None:
        late = turn.run()
        if late is not None:
            with self._lock:
                self._hanging.discard(late[0])
                if self._keeps_late:
                    self._late[late[0]] = late[1]


class _Turn(Generic[K, R]):
    """One thread that works through the queue of keys, until a call hangs."""

    def __init__(self, queue: deque[K], call: Callable[[K], R]) -> None:
        self.answers: dict[K, R] = {}
        self._queue = queue
        self._call = call
        self._changed = threading.Condition()
        self._current: tuple[K] | None = None
        self._n_begun = 0
        self._is_over = False
        self._is_abandoned = False

    def run(self) -> tuple[K, R] | None:
        """Works through the queue. After `abandon`, returns the key whose call has returned late, and its answer."""
        while True:
            with self._changed:
                if not self._queue:
                    self._is_over = True
                    self._changed.notify()
                    return None
                key = self._queue.popleft()
                self._current = (key,)
                self._n_begun += 1
            answer = self._call(key)
            with self._changed:
                if self._is_abandoned:
                    return key, answer
                self.answers[key] = answer
                self._current = None

    def wait(self, patience_s: float) -> bool:
        """True when the queue is done; False when one call has taken that long, or up to twice as long."""
        with self._changed:
            while not self._is_over:
                n_begun = self._n_begun
                if not self._changed.wait(patience_s) and n_begun == self._n_begun and n_begun:
                    return self._is_over
            return True

    def abandon(self) -> tuple[K] | None:
        """Gives up the call that hangs, and returns its key; None when no call hangs after all."""
        with self._changed:
            self._is_abandoned = self._current is not None and not self._is_over
            return self._current if self._is_abandoned else None


def _caught(call: Callable[[], R]) -> tuple[tuple[R, ...], Exception | None]:
    try:
        return (call(),), None
    except Exception as failed:  # noqa: BLE001 -- raised again where the answer is awaited
        return (), failed
