"""What a person sees while an attempt runs: a live bar on a terminal, elsewhere a line every ten seconds.

Results go to stdout, the rest to stderr. A screen that disappears (a closed pane, a broken pipe) ends nothing, and one
that blocks (Ctrl-S, a stopped tmux, a pipe that nobody reads) delays nothing, not even the end of the process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from types import TracebackType
from typing import IO, Final, Self, TextIO, cast

from frame_extractor.background_writer import BackgroundWriter
from frame_extractor.contract.attempt import Progress
from frame_extractor.contract.quantities import count, duration, times
from frame_extractor.messages import progress_line

PLAIN_EVERY_S: Final = 10.0
LAST_LINES_S: Final = 1.0
"""How long leaving a screen waits for the last lines of each stream to be written."""


def open_screen() -> LiveScreen | PlainScreen:
    """The one for what stderr is; to be entered while the attempt runs."""
    return LiveScreen() if sys.stderr.isatty() else PlainScreen()


class PlainScreen:
    """For pipes, files and logs: complete lines only, progress every ten seconds."""

    def __init__(self) -> None:
        self._last_progress = time.monotonic()
        self._out, self._err = BackgroundWriter.of_both(sys.stdout, sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._err.drain(LAST_LINES_S)
        self._out.drain(LAST_LINES_S)

    def note(self, line: str) -> None:
        self._err.write(f"{line}\n")

    def failure(self, line: str) -> None:
        self._err.write(f"{line}\n")

    def result(self, line: str) -> None:
        self._out.write(f"{line}\n")

    def progress(self, progress: Progress) -> None:
        if progress.fraction < 1 and time.monotonic() - self._last_progress >= PLAIN_EVERY_S:
            self._last_progress = time.monotonic()
            self._err.write(f"{progress_line(progress)}\n")


class LiveScreen:
    """A bar at the foot of the terminal, lines above it."""

    def __init__(self) -> None:
        # rich takes a tenth of a second to import, which `--help` and pipes need not wait for.
        from rich.console import Console, RenderableType  # noqa: PLC0415
        from rich.constrain import Constrain  # noqa: PLC0415
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415

        self._out, self._err = BackgroundWriter.of_both(sys.stdout, sys.stderr)
        self._console = console = Console(file=cast("IO[str]", self._err), highlight=False, soft_wrap=True)

        class NarrowerBars(Bars):
            """Leave room for the terminal's ^C, which would otherwise break the line and leave a bar behind."""

            def get_renderable(self) -> RenderableType:
                return Constrain(super().get_renderable(), console.width - len("^C"))

        self._bars = NarrowerBars(
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True), markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>5.1f} %"),
            TextColumn("{task.fields[facts]}", table_column=Column(no_wrap=True), markup=False),
            console=self._console,
            transient=True,
            expand=True,
            # Drawn by `progress`, which does not while the terminal is blocked.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bars.add_task("starting", total=1.0, facts="")

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError, ValueError):
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._bars.stop()
        self._err.drain(LAST_LINES_S)
        self._out.drain(LAST_LINES_S)

    def note(self, line: str) -> None:
        self._print(line)

    def failure(self, line: str) -> None:
        self._print(line, style="red")

    def result(self, line: str) -> None:
        if self._out.isatty():  # Printed above the bar.
            self._print(line)
        else:
            self._out.write(f"{line}\n")

    def progress(self, progress: Progress) -> None:
        if self._err.is_behind:
            return
        film = progress.film or "starting"
        if progress.n_films > 1:
            film = f"{progress.film_number}/{progress.n_films} {film}"
        # What fits beside a film's name in 80 columns.
        facts = [count(progress.images, "image") if progress.images else progress.stage.value]
        if progress.paused:
            facts.append("paused")
        elif progress.realtime_factor:
            facts.append(f"{times(progress.realtime_factor)} realtime")
        if progress.eta_s is not None:
            facts.append(f"{duration(progress.eta_s)} left")
        with contextlib.suppress(OSError, ValueError):
            self._bars.update(
                self._task, description=film, completed=progress.fraction, facts=", ".join(facts), refresh=True
            )

    def _print(self, line: str, style: str | None = None) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._console.print(line, style=style, markup=False)


def print_line(line: str, *, error: bool = False) -> None:
    """Prints a line to stdout, or stderr, unless that is closed."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(line, file=stream, flush=True)
    except (OSError, ValueError):
        _abandon(stream)


def _abandon(stream: TextIO) -> None:
    """The stream is closed at its other end. What is in its buffer would fail again at Python's exit, with code 120."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
