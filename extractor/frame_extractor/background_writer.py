"""Writes to a terminal or a pipe from a thread of its own, so that a reader that does not read blocks nothing here.

A terminal may be stopped (Ctrl-S, a stopped tmux), a pipe full. What cannot be written waits, up to a limit; what still
waits when the process ends is lost.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import threading
from collections import deque
from typing import Final, Self, TextIO

MAX_WAITING_BYTES: Final = 1 << 20
"""Of one stream; what is written beyond that is dropped."""


class BackgroundWriter(io.TextIOBase):
    """In the place of `stream`, whose file descriptor it writes to. Never blocks, never raises.

    A stream without a descriptor, as under a test, is written to at once.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """`stream`: None when it was closed before the process began."""
        self._stream: TextIO = io.StringIO() if stream is None else stream
        self._descriptor: int | None = None
        with contextlib.suppress(OSError, ValueError):
            self._descriptor = self._stream.fileno()
        self._waiting = deque[bytes]()
        self._n_bytes = 0
        self._is_broken = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @classmethod
    def of_both(cls, out: TextIO | None, err: TextIO | None) -> tuple[Self, Self]:
        """One for each; the same one where both lead to one file, so that its lines keep their order."""
        writers = cls(out), cls(err)
        with contextlib.suppress(OSError, ValueError):
            if os.path.sameopenfile(writers[0].fileno(), writers[1].fileno()):
                return writers[1], writers[1]
        return writers

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting)

    def write(self, text: str, /) -> int:
        if self._descriptor is None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
            return len(text)
        content = text.encode(self.encoding, errors="backslashreplace")
        with self._changed:
            if content and not self._is_broken and self._n_bytes + len(content) <= MAX_WAITING_BYTES:
                self._waiting.append(content)
                self._n_bytes += len(content)
                self._changed.notify_all()
                if self._thread is None:
                    # A daemon thread: one that waits for its reader for ever does not keep the process alive.
                    self._thread = threading.Thread(target=self._run, name="background-writer", daemon=True)
                    self._thread.start()
        return len(text)

    def drain(self, patience_s: float) -> None:
        """All is written, or `patience_s` has passed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, patience_s)

    def flush(self) -> None:
        if self._descriptor is None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        if self._descriptor is None:
            raise io.UnsupportedOperation("fileno")
        return self._descriptor

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding or "utf-8"

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                content = self._waiting[0]
            is_written = self._written(content)
            with self._changed:
                self._n_bytes -= len(content)
                self._waiting.popleft()
                if not is_written:
                    self._is_broken = True
                    self._waiting.clear()
                self._changed.notify_all()
            if not is_written:
                return

    def _written(self, content: bytes) -> bool:
        """Whether all of it was written; False when the stream is closed at its other end."""
        descriptor = self.fileno()
        while content:
            try:
                content = content[os.write(descriptor, content) :]
            except BlockingIOError:  # Another process on the same terminal has made it non-blocking.
                select.select([], [descriptor], [], 1.0)
            except OSError:
                return False
        return True
