"""Where the time goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Wall-clock seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] += seconds  # type: ignore[assignment] # Counters hold floats too.

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens inside counts as `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items, their making counted as `name`."""
        items = iter(items)
        while True:
            with self.stage(name):
                item = next(items, None)
            if item is None:
                return
            yield item
