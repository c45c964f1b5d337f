"""`framed demo`: renders a film with known cuts, extracts it with a daemon of its own, and compares.

It uses the public ways: `framed start`, a film put into raw_videos/, status over the socket.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult, Results
from framed.ctl.client import connect
from framed.ctl.layout import bar
from framed.ctl.terminal import Terminal, terminal_of
from framed.demo import film as demo_film
from framed.errors import DaemonUnreachable, Exit, FramedError, Refused, TmuxMissing
from framed.printable import printable
from framed.protocol.messages import Cancel, CancelReply, ProjectState, ProjectStatus, Status, StatusReply
from framed.settings.places import Places, load_places

PROJECT: Final = "demo"
SIZE: Final = (960, 540)
FPS: Final = 24
N_FRAMES: Final = 648
CUTS: Final = (71, 152, 229, 316, 397, 462, 547, 598)
"""First frames of the second shot and those after it."""

SETTINGS: Final = """\
# For the demo: its film is complete at once, so it need not settle for long.
watch: {scan_interval_s: 0.5, settle_s: 0.5, settle_scans: 2}
"""
READY_TIMEOUT_S: Final = 20.0
EXTRACTED_TIMEOUT_S: Final = 180.0
END_TIMEOUT_S: Final = 15.0
POLL_S: Final = 0.2
_PLAIN_LINE_EVERY_S: Final = 2.0
_BAR_CELLS: Final = 24


def run(keep: Path | None) -> Exit:
    """Runs the demo; FAILED when other cuts were found than the film has. Images are kept, in `keep` or in /tmp.

    When interrupted, it leaves nothing running, and no files outside `keep`. Raises FramedError.
    """
    if shutil.which("tmux") is None:
        raise TmuxMissing
    screen = _Screen(terminal_of(sys.stdout))
    with _root(keep) as root, _ended_in_order():
        places = load_places(root)
        film = root / "film.mp4"
        _render(film, screen)
        screen.print(f"Starting the daemon: {_typed('framed')} start --root {shlex.quote(str(root))}")
        with _daemon(places):
            folder = places.films_dir(PROJECT)
            screen.print(f"Putting it into {folder}/ and watching:")
            folder.mkdir(parents=True)
            film.replace(folder / film.name)
            status = _extracted(places, screen)
        return _compare(status, places, screen)


class _Screen:
    """Prints lines, and a progress line that is updated in place; without a terminal it is printed at intervals."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._printed_at = 0.0

    def print(self, line: str = "") -> None:
        click.echo(printable(line))

    def update(self, fraction: float, text: str, *, last: bool = False) -> None:
        if self._terminal.width is None:
            if last or time.monotonic() - self._printed_at >= _PLAIN_LINE_EVERY_S:
                self._printed_at = time.monotonic()
                self.print(f"  {fraction:4.0%}  {text}")
            return
        drawn = bar(fraction, _BAR_CELLS, unicode=self._terminal.unicode)
        line = f"  {drawn} {fraction:4.0%}  {printable(text)}"
        click.echo(f"\r{line[: self._terminal.width - 1]}\033[K", nl=last)


@contextlib.contextmanager
def _root(keep: Path | None) -> Iterator[Path]:
    """A root with the demo's settings. Raises Refused when `keep` is not empty."""
    if keep is None:
        root = Path(tempfile.mkdtemp(prefix="framed-demo-")).resolve()
    else:
        root = keep.resolve()
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise Refused(f"{root} is not an empty folder; give --keep a new or an empty one")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as failed:
            raise Refused(f"{root} cannot be created: {failed.strerror}") from None
    configs = root / "configs"
    configs.mkdir()
    (configs / "framed.yaml").write_text(SETTINGS, encoding="utf-8")
    try:
        yield root
    except KeyboardInterrupt:
        if keep is None:
            shutil.rmtree(root, ignore_errors=True)
        raise


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """A context in which SIGTERM and SIGHUP end the demo as Ctrl-C does."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _render(film: Path, screen: _Screen) -> None:
    seconds = N_FRAMES / FPS
    screen.print(f"Rendering a film: {seconds:.0f} s of {SIZE[0]}x{SIZE[1]}, {len(CUTS) + 1} shots with hard cuts.")
    began = time.monotonic()

    def report(n_drawn: int) -> None:
        if n_drawn % FPS == 0:
            screen.update(n_drawn / N_FRAMES, f"{n_drawn} frames", last=n_drawn == N_FRAMES)

    try:
        demo_film.write_film(film, size=SIZE, fps=FPS, n_frames=N_FRAMES, cuts=CUTS, report=report)
    except OSError as failed:
        raise Refused(f"{film} cannot be written: {failed.strerror}") from None
    screen.print(f"  {film.stat().st_size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s")


@contextlib.contextmanager
def _daemon(places: Places) -> Iterator[None]:
    """A context with a running daemon; at its end the daemon and all that it started have ended.

    Raises DaemonUnreachable when it does not answer in time.
    """
    command = [sys.executable, "-m", "framed", "start", "--root", str(places.root)]
    output = places.root / "daemon.out"
    with output.open("wb") as stream:
        # A process group of its own: Ctrl-C must reach only the demo, which then ends the daemon in order.
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, process_group=0)
    try:
        _until_ready(daemon, places, output)
        yield
    finally:
        # For an interrupted demo: an extractor outlives its daemon.
        with contextlib.suppress(FramedError):
            _cancel(places)
        daemon.terminate()
        try:
            daemon.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        tmux = ["tmux", f"-S{places.tmux_socket}", "kill-server"]
        subprocess.run(tmux, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=END_TIMEOUT_S)


def _until_ready(daemon: subprocess.Popen[bytes], places: Places, output: Path) -> None:
    ends_at = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            connect(places).close()
        except DaemonUnreachable:
            said = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if daemon.poll() is not None:
                last = said[-1] if said else f"exit code {daemon.returncode}"
                raise DaemonUnreachable(f"the daemon has ended ({last})", f"see {output}") from None
            if time.monotonic() > ends_at:
                raise DaemonUnreachable(
                    f"the daemon does not answer within {READY_TIMEOUT_S:.0f} s", f"see {output}"
                ) from None
            time.sleep(POLL_S)
        else:
            return


def _status(places: Places) -> ProjectStatus | None:
    with connect(places) as daemon:
        projects = daemon.call("status", Status(), StatusReply).projects
    return next((project for project in projects if project.name == PROJECT), None)


def _extracted(places: Places, screen: _Screen) -> ProjectStatus:
    """The project's status when its job has ended; shows the progress. Raises Refused after EXTRACTED_TIMEOUT_S."""
    ends_at = time.monotonic() + EXTRACTED_TIMEOUT_S
    while time.monotonic() < ends_at:
        status = _status(places)
        if status is not None:
            factor = f"  {status.realtime_factor:.1f}x realtime" if status.realtime_factor else ""
            text = f"{status.state.value}  {status.stage:<10}  {status.frames:>3} images{factor}"
            screen.update(status.progress, text, last=status.state.is_terminal)
            if status.state.is_terminal:
                return status
        time.sleep(POLL_S)
    raise Refused(
        f"the film was not extracted within {EXTRACTED_TIMEOUT_S:.0f} s; see {places.logs} and {places.state}"
    )


def _cancel(places: Places) -> None:
    """Cancels the project's job and waits for its end. Raises FramedError."""
    with connect(places) as daemon:
        reply = daemon.call("cancel", Cancel(projects=(PROJECT,), key="framed demo"), CancelReply)
    ends_at = time.monotonic() + END_TIMEOUT_S
    while any(outcome.cancelled for outcome in reply.outcomes) and time.monotonic() < ends_at:
        status = _status(places)
        if status is None or status.state.is_terminal:
            return
        time.sleep(POLL_S)


def _compare(status: ProjectStatus, places: Places, screen: _Screen) -> Exit:
    if status.state is not ProjectState.COMPLETE:
        screen.print(f"The film is {status.state.value}: {status.reason}")
        screen.print(f"  log     {status.log or places.logs}")
        return Exit.FAILED
    layout = OutputLayout(places.frames_dir(PROJECT))
    results = msgspec.json.decode(layout.results.read_bytes(), type=Results)
    film = results.films[0]
    images = [path.name for path in layout.frames_dir.glob("*.jpg")]
    right = film.cuts == CUTS and len(images) == results.total_frames > 0
    screen.print()
    screen.print(_verdict(film))
    screen.print(
        f"{len(images)} images of {film.duration_s:.0f} s of film in {film.wall_s:.1f} s "
        f"({film.duration_s / film.wall_s:.1f}x realtime) are in"
    )
    screen.print(f"  {layout.frames_dir}/")
    for name in sorted(images, key=lambda name: (not name.startswith("scene"), name))[:3]:
        screen.print(f"    {name}")
    root = shlex.quote(str(places.root))
    screen.print(f"  results {layout.results}")
    screen.print(f"  log     {status.log}")
    screen.print()
    screen.print(f"To continue with it: {_typed('framed')} start --root {root}")
    screen.print(f"  in another shell:   {_typed('framectl')} status --root {root}")
    screen.print(f"To delete it:        rm -r {root}")
    return Exit.OK if right else Exit.FAILED


def _typed(command: str) -> str:
    """How to type the command here: it may not be on the PATH."""
    if shutil.which(command) is not None:
        return command
    path = Path(sys.executable).with_name(command)
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _verdict(film: FilmResult) -> str:
    if film.cuts == CUTS:
        at = ", ".join(str(cut) for cut in CUTS)
        return f"All {len(CUTS) + 1} shots found, every cut on its frame: {at}."
    missed = sorted(set(CUTS) - set(film.cuts))
    invented = sorted(set(film.cuts) - set(CUTS))
    return f"WRONG shots: {film.shots}, not {len(CUTS) + 1}; missed cuts: {missed}, false cuts: {invented}."
