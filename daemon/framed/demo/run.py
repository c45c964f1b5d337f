"""`framed demo`: renders a film whose cuts are known, has a daemon of its own extract it, and compares.

Everything but the film is as for any user: `framed start`, a film dropped into raw_videos/, status over the socket.
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
# Of the demo: a film that nobody is still copying need not be watched for long.
watch: {scan_interval_s: 0.5, settle_s: 0.5, settle_scans: 2}
"""
READY_TIMEOUT_S: Final = 20.0
EXTRACTED_TIMEOUT_S: Final = 180.0
END_TIMEOUT_S: Final = 15.0
POLL_S: Final = 0.2
_PLAIN_LINE_EVERY_S: Final = 2.0
_BAR_CELLS: Final = 24


def run(keep: Path | None) -> Exit:
    """Shows it all; FAILED when the cuts found are not the film's. The frames stay, in `keep` or a new folder in /tmp.

    Interrupted, it leaves nothing running, and nothing on the disk but in `keep`. Raises FramedError.
    """
    if shutil.which("tmux") is None:
        raise TmuxMissing
    screen = _Screen(terminal_of(sys.stdout))
    with _root(keep) as root, _ended_in_order():
        places = load_places(root)
        film = root / "film.mp4"
        _render(film, screen)
        screen.say(f"Starts the daemon: {_typed('framed')} start --root {shlex.quote(str(root))}")
        with _daemon(places):
            folder = places.films_dir(PROJECT)
            screen.say(f"Drops it into {folder}/ and watches:")
            folder.mkdir(parents=True)
            film.replace(folder / film.name)
            status = _extracted(places, screen)
        return _compare(status, places, screen)


class _Screen:
    """Lines, and one that changes in place; without a terminal that one is said anew every now and then."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said_at = 0.0

    def say(self, line: str = "") -> None:
        click.echo(printable(line))

    def update(self, fraction: float, text: str, *, last: bool = False) -> None:
        if self._terminal.width is None:
            if last or time.monotonic() - self._said_at >= _PLAIN_LINE_EVERY_S:
                self._said_at = time.monotonic()
                self.say(f"  {fraction:4.0%}  {text}")
            return
        full, empty = ("█", "░") if self._terminal.unicode else ("#", "-")
        n_full = round(fraction * _BAR_CELLS)
        line = f"  {full * n_full}{empty * (_BAR_CELLS - n_full)} {fraction:4.0%}  {printable(text)}"
        click.echo(f"\r{line[: self._terminal.width - 1]}\033[K", nl=last)


@contextlib.contextmanager
def _root(keep: Path | None) -> Iterator[Path]:
    """A root with the demo's settings. Raises Refused when `keep` holds something."""
    if keep is None:
        root = Path(tempfile.mkdtemp(prefix="framed-demo-")).resolve()
    else:
        root = keep.resolve()
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise Refused(f"{root} is there and not an empty folder; the demo wants one of its own")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as failed:
            raise Refused(f"{root} cannot be made: {failed.strerror}") from None
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
    """Within, `kill` and a closed terminal end the demo as Ctrl-C does."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _render(film: Path, screen: _Screen) -> None:
    seconds = N_FRAMES / FPS
    screen.say(f"Renders a film: {seconds:.0f} s of {SIZE[0]}x{SIZE[1]}, {len(CUTS) + 1} shots with hard cuts.")
    began = time.monotonic()

    def report(n_drawn: int) -> None:
        if n_drawn % FPS == 0:
            screen.update(n_drawn / N_FRAMES, f"{n_drawn} frames", last=n_drawn == N_FRAMES)

    try:
        demo_film.write_film(film, size=SIZE, fps=FPS, n_frames=N_FRAMES, cuts=CUTS, report=report)
    except OSError as failed:
        raise Refused(f"{film} cannot be written: {failed.strerror}") from None
    screen.say(f"  {film.stat().st_size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s")


@contextlib.contextmanager
def _daemon(places: Places) -> Iterator[None]:
    """Within, a daemon of the root answers; afterwards nothing of it runs, nor anything that it has started.

    Raises DaemonUnreachable when it does not answer in time.
    """
    command = [sys.executable, "-m", "framed", "start", "--root", str(places.root)]
    output = places.root / "daemon.out"
    with output.open("wb") as stream:
        # A group of its own: Ctrl-C is for the demo, which then ends things in their order.
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, process_group=0)
    try:
        _until_ready(daemon, places, output)
        yield
    finally:
        # Does nothing but when the demo was interrupted: a film outlives its daemon.
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
    """The project's status, once its job has ended; shows how it goes on. Raises Refused when it takes for ever."""
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
    """Nothing of the project runs. Raises FramedError."""
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
        screen.say(f"The film is {status.state.value}: {status.reason}")
        screen.say(f"  log     {status.log or places.logs}")
        return Exit.FAILED
    layout = OutputLayout(places.frames_dir(PROJECT))
    results = msgspec.json.decode(layout.results.read_bytes(), type=Results)
    film = results.films[0]
    images = [path.name for path in layout.frames_dir.glob("*.jpg")]
    right = film.cuts == CUTS and len(images) == results.total_frames > 0
    screen.say()
    screen.say(_verdict(film))
    screen.say(
        f"{len(images)} images of {film.duration_s:.0f} s of film in {film.wall_s:.1f} s "
        f"({film.duration_s / film.wall_s:.1f}x realtime) are in"
    )
    screen.say(f"  {layout.frames_dir}/")
    for name in sorted(images, key=lambda name: (not name.startswith("scene"), name))[:3]:
        screen.say(f"    {name}")
    root = shlex.quote(str(places.root))
    screen.say(f"  results {layout.results}")
    screen.say(f"  log     {status.log}")
    screen.say()
    screen.say(f"To go on with it: {_typed('framed')} start --root {root}")
    screen.say(f"  and beside it:  {_typed('framectl')} status --root {root}")
    screen.say(f"To be rid of it:  rm -r {root}")
    return Exit.OK if right else Exit.FAILED


def _typed(command: str) -> str:
    """How the command is called from here: it need not be on the PATH."""
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
    return f"NOT the film's shots: {film.shots} of {len(CUTS) + 1}; cuts missed at {missed}, invented at {invented}."
