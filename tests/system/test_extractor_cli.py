"""The real `frame-extractor` command on real files, as a person or the daemon runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from frame_extractor.contract.attempt import AttemptSpec, StartedRecord
from frame_extractor.contract.cores import usable_cores
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import Results
from tests.harness import cost
from tests.harness.films import FilmPlan, write_film

COMMAND = [sys.executable, "-m", "frame_extractor"]
PATIENCE_S = 60.0
EVERY_FRAME = ["--mode", "interval", "--interval-seconds", "0.01"]
"""Takes long enough to be watched, and interrupted."""


@pytest.fixture(scope="module")
def short_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds, four shots."""
    path = tmp_path_factory.mktemp("films") / "short.mkv"
    return write_film(path, FilmPlan(size=(320, 180), n_frames=192, cuts=(48, 96, 144)))


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to be interrupted in the middle."""
    path = tmp_path_factory.mktemp("films") / "long.mkv"
    return write_film(path, FilmPlan(size=(160, 96), n_frames=1440, cuts=tuple(range(48, 1440, 48))))


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A terminal of 100x24 on a server of its own; call it with tmux's arguments."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    socket = Path("/tmp") / f"framed-test-{os.getpid()}-{abs(hash(tmp_path)) % 100_000}.sock"

    def call(*arguments: str) -> str:
        command = ["tmux", "-f", "/dev/null", "-S", str(socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    call("new-session", "-d", "-x", "100", "-y", "24", "-s", "test", "sh")
    call("set-option", "-g", "remain-on-exit", "on")
    yield call
    call("kill-server")
    socket.unlink(missing_ok=True)


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S, cwd=cwd)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_until(condition: Callable[[], object], what: str, shown: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}; {shown()}"
        time.sleep(0.02)


def workers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def images_in(layout: OutputLayout) -> dict[str, bytes]:
    frames = layout.frames_dir
    return {str(path.relative_to(frames)): path.read_bytes() for path in sorted(frames.rglob("*.jpg"))}


def results_of(layout: OutputLayout) -> Results:
    return msgspec.json.decode(layout.results.read_bytes(), type=Results)


def output(tmp_path: Path, name: str = "out") -> OutputLayout:
    return OutputLayout(tmp_path / name / "frames")


def test_film_by_hand_ends_in_images_manifest_and_results(short_film: Path, tmp_path: Path) -> None:
    """All agree, every image opens, nothing else is left, and one line on stdout says it."""
    done = run(short_film, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    layout = output(tmp_path)
    images = images_in(layout)
    listed = [json.loads(line) for line in layout.manifest.read_text().splitlines()]
    assert {entry["file"] for entry in listed} == images.keys()
    assert [entry["frame_index"] for entry in listed] == sorted(entry["frame_index"] for entry in listed)
    results = results_of(layout)
    assert results.total_frames == len(images) > 30
    assert results.films[0].cuts == (48, 96, 144)
    assert f"{len(images)} images of 4 shots in {layout.frames_dir}" in done.stdout
    for entry in listed:
        with Image.open(layout.frames_dir / entry["file"]) as image:
            image.load()
            assert image.size == (320, 180)
        assert (layout.frames_dir / entry["file"]).stat().st_size == entry["size_bytes"]
    assert {path.name for path in layout.folder.iterdir()} == {
        "frames",
        "frames.jsonl",
        "extraction_results.json",
        ".framed",
    }


def test_second_time_is_skipped_and_force_is_not(short_film: Path, tmp_path: Path) -> None:
    layout = output(tmp_path)
    run(short_film, "-o", tmp_path / "out")
    first = images_in(layout)
    again = run(short_film, "-o", tmp_path / "out")
    assert again.returncode == 0
    assert "already extracted" in again.stderr
    written = {name: (layout.frames_dir / name).stat().st_ino for name in first}
    forced = run(short_film, "-o", tmp_path / "out", "--force")
    assert forced.returncode == 0
    assert images_in(layout) == first
    assert all((layout.frames_dir / name).stat().st_ino != inode for name, inode in written.items())


def test_other_settings_replace_the_images_and_nothing_else(short_film: Path, tmp_path: Path) -> None:
    layout = output(tmp_path)
    run(short_film, "-o", tmp_path / "out")
    before = images_in(layout)
    caption = layout.frames_dir / "scene0000_pos0_frame000006_t0.25s.txt"
    caption.write_text("a wave")
    done = run(short_film, "-o", tmp_path / "out", "--mode", "interval", "--interval-seconds", "4")
    assert done.returncode == 0
    after = images_in(layout)
    assert all(name.startswith("interval") for name in after)
    assert after.keys() != before.keys()
    assert caption.exists()
    assert results_of(layout).total_frames == len(after) == 2


def test_number_of_workers_changes_no_byte(short_film: Path, tmp_path: Path) -> None:
    one, two = output(tmp_path, "one"), output(tmp_path, "two")
    run(short_film, "-o", one.folder, "--workers", "1")
    run(short_film, "-o", two.folder, "--workers", "2")
    assert images_in(one) == images_in(two)
    assert one.manifest.read_bytes() == two.manifest.read_bytes()


def test_several_films_one_bad_and_one_strangely_named(short_film: Path, tmp_path: Path) -> None:
    """The good ones are done, the bad one has its reason, the exit code and the summary say so."""
    strange = tmp_path / "имя с пробелом и 'кавычкой' 你好.mkv"
    shutil.copy(short_film, strange)
    with strange.open("ab") as file:
        file.write(b"\0")  # Another film, by its fingerprint.
    bad = tmp_path / "bad.mp4"
    bad.write_text("not a film")
    done = run(short_film, bad, strange, "-o", tmp_path / "out")
    assert done.returncode == ExitCode.NOT_A_FILM
    layout = output(tmp_path)
    films = results_of(layout).films
    assert [(film.name, film.status) for film in films] == [
        ("short.mkv", "complete"),
        ("bad.mp4", "failed"),
        (strange.name, "complete"),
    ]
    assert films[0].folder == ""
    assert films[2].folder.startswith("имя-с-пробелом-и-кавычкой-你好.mkv-")
    assert any(name.startswith(films[2].folder + "/") for name in images_in(layout))
    assert done.stdout.splitlines()[-1].startswith("3 films: 2 extracted, 1 failed; ")
    assert "bad.mp4: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["shrt.mkv", "-o", "out"], ExitCode.USAGE, "did you mean short.mkv?"),
        (["nowhere/short.mkv", "-o", "out"], ExitCode.USAGE, "there is no folder"),
        ([".", "-o", "out"], ExitCode.USAGE, "is a folder"),
        (["short.mkv"], ExitCode.USAGE, "--output"),
        (["short.mkv", "-o", "out", "--mode", "all"], ExitCode.USAGE, "'scene', 'interval', 'hybrid'"),
        (["short.mkv", "-o", "out", "--scene-threshold", "nan"], ExitCode.USAGE, "--scene-threshold"),
        (["short.mkv", "-o", "out", "--frames-per-scene", "0"], ExitCode.USAGE, "1<=x<=1000"),
        (["short.mkv", "-o", "out", "--workers", "many"], ExitCode.USAGE, "neither a number nor auto"),
        (["text.mp4", "-o", "out"], ExitCode.NOT_A_FILM, "text.mp4"),
        (["zero.mp4", "-o", "out"], ExitCode.NOT_A_FILM, "empty"),
        (["pipe.mkv", "-o", "out"], ExitCode.NOT_A_FILM, "regular file"),
        (["short.mkv", "-o", "text.mp4"], ExitCode.OUTPUT_NOT_MADE, "text.mp4"),
        (["probe", "text.mp4", "--json"], ExitCode.NOT_A_FILM, "text.mp4"),
        (["probe", "nothing.mp4"], ExitCode.USAGE, "there is no film nothing.mp4"),
        (["run", "nothing.json"], ExitCode.BAD_SETTINGS, "nothing.json"),
        (["run", "text.mp4"], ExitCode.BAD_SETTINGS, "no specification"),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(
    short_film: Path, tmp_path: Path, arguments: list[str], code: ExitCode, says: str
) -> None:
    """What is wrong and what to do, on stderr; nothing on stdout, never a traceback."""
    shutil.copy(short_film, tmp_path)
    (tmp_path / "text.mp4").write_text("these are words")
    (tmp_path / "zero.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mkv")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert says in lines[-1]
    assert len([line for line in lines if "usable core" not in line]) == 1


def test_film_called_run_is_extracted_as_such(short_film: Path, tmp_path: Path) -> None:
    shutil.copy(short_film, tmp_path / "run")
    assert run("./run", "-o", "out", cwd=tmp_path).returncode == 0
    assert results_of(output(tmp_path)).films[0].name == "run"


def test_dry_run_shows_everything_and_writes_nothing(short_film: Path, tmp_path: Path) -> None:
    done = run(short_film, "-o", tmp_path / "out", "--dry-run", "--quality", "low")
    assert done.returncode == 0
    assert "--quality             low         given" in done.stdout
    assert "--mode                hybrid      default" in done.stdout
    assert "short.mkv: about" in done.stdout
    assert not (tmp_path / "out").exists()
    done = run(short_film, "-o", tmp_path / "out", "--dry-run", "--scene-threshold", "30", "--end", "-0:02")
    assert "--detector            content     chosen by --scene-threshold" in done.stdout
    assert "--start               0:00        default" in done.stdout
    assert "--end                 -0:02       given" in done.stdout


def test_probe_and_estimate_print_json(short_film: Path, tmp_path: Path) -> None:
    """One object, and one list, that scripts can read."""
    probe = json.loads(run("probe", short_film, "--json").stdout)
    assert (probe["width"], probe["height"], probe["codec"]) == (320, 180, "h264")
    assert probe["duration_s"] == pytest.approx(8.0, abs=0.1)
    spec = AttemptSpec(project="p", job_id="j", films=(str(short_film), "/nowhere.mkv"), frames_dir=str(tmp_path))
    path = tmp_path / "spec.json"
    path.write_bytes(msgspec.json.encode(spec))
    good, bad = json.loads(run("estimate", path, "--json").stdout)
    assert good["images"] > 0
    assert good["error"] is None
    assert bad["error"]


def test_help_comes_at_once() -> None:
    """No decoder is loaded for it: under 0.3 s of the processor."""
    assert run("--help").returncode == 0
    assert cost.is_within(0.3, lambda: run("--help"))
    loaded = "import sys, frame_extractor.__main__; print({'numpy', 'av', 'decord', 'rich', 'cv2'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout == "set()\n"
    )


def test_attempt_killed_half_way_is_completed_by_the_next(long_film: Path, tmp_path: Path) -> None:
    """Its workers die with it, no image is half-written, and the end is the same as that of an undisturbed run."""
    layout, undisturbed = output(tmp_path), output(tmp_path, "undisturbed")
    process = start(long_film, "-o", layout.folder, "--workers", "2", *EVERY_FRAME)
    wait_until(lambda: len(images_in(layout)) >= 5, "the first images")
    workers = workers_of(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), "the workers' end")
    assert not layout.results.exists()
    for name in images_in(layout):
        with Image.open(layout.frames_dir / name) as image:
            image.load()
    assert run(long_film, "-o", layout.folder, *EVERY_FRAME).returncode == 0
    run(long_film, "-o", undisturbed.folder, *EVERY_FRAME)
    assert images_in(layout) == images_in(undisturbed)
    assert layout.manifest.read_bytes() == undisturbed.manifest.read_bytes()
    assert not layout.temp.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_ending_signal_ends_runner_and_workers(
    long_film: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """While it scans: with an exit record, without `temp/`."""
    layout = output(tmp_path)
    process = start(long_film, "-o", layout.folder, "--workers", "2", *EVERY_FRAME)
    wait_until(lambda: len(workers_of(process.pid)) == min(2, usable_cores()), "its workers")
    workers = workers_of(process.pid)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert stderr.splitlines()[-1].startswith("ended by")
    assert json.loads(layout.exit(1).read_text())["code"] == code
    assert not layout.temp.exists()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), "the workers' end")


def bytes_read_by(pid: int) -> int:
    return int(re.search(r"rchar: (\d+)", Path(f"/proc/{pid}/io").read_text())[1])  # type: ignore[index]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ending_signal_ends_the_search_for_film_in_a_long_empty_tail(
    long_film: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """30 GB of nothing follow; FFmpeg alone would read on for minutes, and let no signal through."""
    film = tmp_path / "film.mkv"
    film.write_bytes(long_film.read_bytes()[: long_film.stat().st_size // 2])
    os.truncate(film, 30 << 30)
    process = start(film, "-o", tmp_path / "out")
    wait_until(lambda: bytes_read_by(process.pid) > 100 << 20, "the search")
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert stderr.splitlines()[-1].startswith("ended by")
    assert "Traceback" not in stderr


def test_film_of_an_unknown_codec_is_refused_in_one_line_and_not_tried_again(films_dir: Path, tmp_path: Path) -> None:
    """Exit code 65: another attempt would find the same."""
    content = bytearray((films_dir / "formats" / "reel30.avi").read_bytes())
    content[190] = 72  # In the name of the codec: H264 no more.
    (tmp_path / "film.avi").write_bytes(content)
    done = run(tmp_path / "film.avi", "-o", tmp_path / "out")
    assert done.returncode == ExitCode.NOT_A_FILM
    assert "film.avi: FFmpeg has no decoder for its picture stream" in done.stderr.splitlines()[-1]
    assert not output(tmp_path).exit(2).exists()


def test_second_extractor_in_the_same_folder_changes_nothing(long_film: Path, tmp_path: Path) -> None:
    """It ends with 76 and names the first, which goes on undisturbed."""
    layout = output(tmp_path)
    first = start(long_film, "-o", layout.folder, *EVERY_FRAME)
    # Its worker is stopped: a minute of so small a film is extracted in less time than the second one takes to start.
    wait_until(lambda: layout.progress.exists() and workers_of(first.pid), "the first one's worker")
    (worker,) = workers_of(first.pid)
    os.kill(worker, signal.SIGSTOP)
    second = run(long_film, "-o", layout.folder)
    assert second.returncode == ExitCode.SUPERSEDED
    assert f"process {first.pid}" in second.stderr
    os.kill(worker, signal.SIGCONT)
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0


def test_specification_is_run_and_leaves_its_records(short_film: Path, tmp_path: Path) -> None:
    """As the daemon does it: number, records, log."""
    layout = output(tmp_path)
    spec = AttemptSpec(
        project="onward",
        job_id="job-7",
        attempt=7,
        films=(str(short_film),),
        frames_dir=str(layout.frames_dir),
        log_path=str(tmp_path / "logs" / "onward.log"),
    )
    path = tmp_path / "spec.json"
    path.write_bytes(msgspec.json.encode(spec))
    done = run("run", path)
    assert done.returncode == 0, done.stderr
    assert json.loads(layout.started(7).read_text())["job_id"] == "job-7"
    assert json.loads(layout.exit(7).read_text())["images"] == len(images_in(layout))
    assert json.loads(layout.progress.read_text())["fraction"] == 1.0
    assert "short.mkv" in (tmp_path / "logs" / "onward.log").read_text()


def test_full_disk_is_reported_and_can_be_retried(short_film: Path, tmp_path: Path) -> None:
    """On a file system of one megabyte: exit 75 and every image whole; with room, the next attempt completes."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system to fill")
    try:
        layout = output(small)
        done = run(short_film, "-o", layout.folder)
        assert done.returncode == ExitCode.DISK_FULL
        assert str(small) in done.stderr
        assert not layout.temp.exists()
        for name in images_in(layout):
            with Image.open(layout.frames_dir / name) as image:
                image.load()
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        assert run(short_film, "-o", layout.folder).returncode == 0
        assert results_of(layout).total_frames == len(images_in(layout))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_closed_terminal_output_does_not_stop_the_work(short_film: Path, tmp_path: Path) -> None:
    """Somebody pipes it into a program that ends early."""
    process = start(short_film, "-o", tmp_path / "out")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert results_of(output(tmp_path)).total_frames > 0


def filled_pipe() -> tuple[int, int]:
    """(reading end, writing end) of a pipe that has no room left."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    return reading, writing


def stopped_terminal() -> tuple[int, int]:
    """(master, slave) of a terminal at which somebody has pressed Ctrl-S."""
    master, slave = os.openpty()
    os.write(master, b"\x13")
    return master, slave


@pytest.mark.parametrize("screen", [filled_pipe, stopped_terminal])
def test_screen_that_takes_nothing_holds_up_neither_work_nor_exit(
    short_film: Path, tmp_path: Path, screen: Callable[[], tuple[int, int]]
) -> None:
    """Neither the bar nor the last lines: the film is extracted, and the process gone."""
    read_end, write_end = screen()
    films = [short_film, shutil.copy(short_film, tmp_path / "again.mkv")]
    command = [*COMMAND, *map(str, films), "-o", str(tmp_path / "out")]
    try:
        process = subprocess.Popen(command, stdout=write_end, stderr=write_end, start_new_session=True)
        try:
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    finally:
        os.close(read_end)
        os.close(write_end)
    assert results_of(output(tmp_path)).total_frames > 0


def test_live_bar_shows_film_images_and_time_left(long_film: Path, tmp_path: Path, tmux: Callable[..., str]) -> None:
    """On a terminal, as in the daemon's panes; when it is done only the result is left, and Ctrl-C ends it cleanly.

    Its worker is held until then: it needs longer for its imports than it takes to be found here.
    """
    layout = output(tmp_path)
    command = " ".join([*COMMAND, str(long_film), "-o", str(layout.folder), *EVERY_FRAME])

    def screen() -> str:
        return tmux("capture-pane", "-p", "-J", "-t", "test")

    tmux("send-keys", "-t", "test", f"PS1=; clear; {command}; echo code $?", "Enter")
    wait_until(layout.started(1).exists, "its start", screen)
    pid = msgspec.json.decode(layout.started(1).read_bytes(), type=StartedRecord).process.pid
    wait_until(lambda: workers_of(pid), "its worker", screen)
    os.kill(workers_of(pid)[0], signal.SIGSTOP)
    bar = re.compile(r"long\.mkv +\S+ +\d+\.\d % (opening|scanning|\d+ images)")
    wait_until(lambda: bar.search(screen()), "the bar", screen)
    tmux("send-keys", "-t", "test", "C-c")
    wait_until(lambda: "code 130" in screen(), "the end", screen)
    assert "ended by Ctrl-C" in screen()
    assert not bar.search(screen()), screen()
    tmux("send-keys", "-t", "test", f"clear; {command}; echo code $?", "Enter")
    wait_until(lambda: "code 0" in screen(), "the second attempt's end", screen)
    assert "long.mkv: " in screen()
    assert not bar.search(screen()), screen()
