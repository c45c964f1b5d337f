"""A film's bytes as FFmpeg reads them: within bounds, and not while an ending signal is pending.

FFmpeg searches a damaged file for its next packet up to the end of the file, however far that is, in one call that
neither Python nor a signal handler can interrupt. Every read of it goes through this module.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Final, NoReturn

import av

from frame_extractor import signals
from frame_extractor.errors import NotAFilm

SEARCH_BYTES: Final = 1 << 30
"""Read at most in search of the picture stream's next packet; FFmpeg takes 4 to 14 s for it."""


class FilmFile:
    """All that a container can read: `av.open` gets it as its file, and as `io_open`. Closed by `close`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises OSError when it cannot be opened."""
        self.name = os.fspath(path)
        self.has_given_up = False
        """A search for a packet found none in SEARCH_BYTES: to FFmpeg, the file ended there."""
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 -- closed by `close`
        self._searched_bytes = 0
        self._has_failed = False

    @property
    def why_given_up(self) -> str | None:
        """As text for a person; None unless a search was given up."""
        if not self.has_given_up:
            return None
        return f"nothing readable in the next {SEARCH_BYTES >> 20:,} MB of the file"

    @contextlib.contextmanager
    def search(self) -> Iterator[None]:
        """Inside, FFmpeg is called to find the next thing in the file. An ending signal is raised at its end."""
        self._searched_bytes = 0
        with signals.interrupt_deferred():
            yield

    def read(self, n_bytes: int) -> bytes:
        """The next bytes; none at the end of the file or of the search, or when this process must end."""
        if self._has_failed or signals.is_ending():
            return b""
        if self._searched_bytes >= SEARCH_BYTES:
            self.has_given_up = True
            return b""
        try:
            content = self._file.read(n_bytes)
        except OSError as error:
            # PyAV raises it when FFmpeg returns, and logs a second one as an error.
            self._has_failed = True
            raise OSError(error.errno, error.strerror, self.name) from None
        self._searched_bytes += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where the next read begins; negative where there is no such position, as FFmpeg tries in a damaged file."""
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            return -(error.errno or errno.EINVAL)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def __call__(self, *_: object) -> NoReturn:
        """`io_open`: a film is one file, whose fingerprint says what is in it."""
        raise NotAFilm(self.name, "it is a list of other files; name those")


def film_file_of(container: av.container.Container) -> FilmFile | None:
    """What the container reads from; None when it is not a film's file."""
    return container.io_open if isinstance(container.io_open, FilmFile) else None


def demuxed(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """What `container.demux(stream)` gives, each packet found in a bounded search; in the end an empty one.

    Raises FFmpegError, OSError.
    """
    file = film_file_of(container)
    packets = container.demux(stream)
    while True:
        try:
            with file.search() if file is not None else contextlib.nullcontext():
                packet = next(packets, None)
        except IndexError:
            # PyAV fails on streams that it found while reading, after the end of this one.
            return
        if packet is None:
            return
        yield packet
