"""Makes what the release before leaves on a disk: `PYTHONPATH=OLD OLD/.venv/bin/python tests/release_0/make.py`.

OLD is a checkout of that release (commit e073c7c, which spoke protocol 1.1). Run once: the files are never made again.
Its daemon is killed (SIGKILL) with one film complete, one failed, one running and one queued; what its framectl sends
to it, and what it is answered, is recorded. Standard library, and that release's own modules.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
ROOT = Path("/tmp/framed-release-0")
SETTINGS = """\
budget: {slots: 1, max_active: 1, memory_floor_gb: 0}
watch: {scan_interval_s: 0.2, settle_s: 0.1, settle_scans: 2}
retry: {base_s: 0.2, max_s: 1}
frame_extraction: {workers_per_project: 1, retry: 0}
"""
RECORDED = (
    ("status",), ("status", "--json", "done"), ("projects",), ("show", "done"), ("show", "onward"),
    ("submit", "onward"), ("submit", "queued", "--interval-seconds", "3"), ("submit", "no-such"), ("retry", "done"),
    ("pause", "queued"), ("resume", "queued"), ("clean", "done", "--dry-run"), ("cancel", "queued"),
    ("submit", "queued"), ("drain",), ("undrain",),
)  # fmt: skip


def main() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "configs").mkdir(parents=True)
    (ROOT / "configs" / "framed.yaml").write_text(SETTINGS)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(ROOT / "run"), "NO_COLOR": "1"}
    (ROOT / "run").mkdir(mode=0o700)
    with (ROOT / "daemon.log").open("wb") as log:
        command = [sys.executable, "-m", "framed", "start", "--root", str(ROOT)]
        daemon = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    until(lambda: ctl(environment, "status").returncode == 0)
    make_film("done", n_frames=48)
    (ROOT / "raw_videos" / "broken").mkdir()
    (ROOT / "raw_videos" / "broken" / "film.mkv").write_bytes(b"not a film\n" * 100)
    ctl(environment, "submit", "broken")
    until(lambda: states(environment).get("done") == "COMPLETE" and states(environment).get("broken") == "FAILED")
    make_film("onward", n_frames=96)
    worker = until(hold)
    assert worker is not None
    make_film("queued", n_frames=48)
    until(lambda: states(environment).get("queued") == "QUEUED")
    exchanges = record(environment)
    assert states(environment)["queued"] == "QUEUED"
    time.sleep(1)
    daemon.kill()
    daemon.wait()
    keep_files("running")
    with sqlite3.connect(ROOT / "state" / "framed.db") as db, sqlite3.connect(HERE / "framed.db") as copy:
        db.backup(copy)
    os.kill(worker, signal.SIGCONT)
    until(lambda: list(control_of("onward").glob("attempt-*.exit.json")))
    keep_files("ended")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (HERE / "exchanges.json").write_text(json.dumps(exchanges, indent=1) + "\n")
    (HERE / "facts.json").write_text(json.dumps({"root": str(ROOT), "boot_id": boot_id}, indent=1) + "\n")
    subprocess.run(["tmux", "-S", str(ROOT / "state" / "tmux.sock"), "kill-server"], check=False)


def until(condition: Callable[[], T]) -> T:
    ends = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < ends
        time.sleep(0.005)
    return value


def ctl(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "framed.ctl", "--root", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def states(environment: dict[str, str]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in json.loads(ctl(environment, "status", "--json").stdout)["projects"]}


def make_film(project: str, *, n_frames: int) -> None:
    films = importlib.import_module("tests.films")  # of that release
    folder = ROOT / "raw_videos" / project
    folder.mkdir(parents=True)
    path = films.write_film(
        ROOT / f"{project}.mkv", films.FilmPlan(size=(160, 96), n_frames=n_frames, cuts=(n_frames // 2,))
    )
    path.rename(folder / "film.mkv")


def control_of(project: str) -> Path:
    return next(iter(ROOT.glob(f"datasets/{project}/**/.framed")), ROOT / "nowhere")


def hold() -> int | None:
    """The worker of onward's extractor, stopped."""
    for started in control_of("onward").glob("attempt-*.started.json"):
        pid = json.loads(started.read_bytes())["process"]["pid"]
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGSTOP)
                return int(child)
    return None


def keep_files(name: str) -> None:
    """The settings, the films, and every small file of the outputs; of an image its name."""
    for path in (*ROOT.glob("configs/*"), *ROOT.glob("raw_videos/*/*"), *ROOT.glob("datasets/**/*")):
        is_wanted = path.is_file() and path.suffix in (".yaml", ".json", ".jsonl", ".mkv", ".jpg")
        if is_wanted and (name == "running" or ("onward" in path.parts and path.suffix != ".mkv")):
            kept = HERE / name / path.relative_to(ROOT)
            kept.parent.mkdir(parents=True, exist_ok=True)
            # An image is only there.
            kept.write_bytes(b"" if path.suffix == ".jpg" else path.read_bytes())


def record(environment: dict[str, str]) -> list[dict[str, object]]:
    """What framectl sends for each of these commands, and the answers: the lines, as they were."""
    control = ROOT / "state" / "control.sock"
    real = control.with_name("real.sock")
    control.rename(real)
    lines: list[dict[str, str]] = []
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(control))
    listening.listen()

    def pump(client: socket.socket) -> None:
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        daemon.connect(str(real))
        with client, daemon, client.makefile("rwb") as asking, daemon.makefile("rwb") as answering:
            for line in asking:
                answering.write(line)
                answering.flush()
                answer = answering.readline()
                lines.append({"request": line.decode(), "answer": answer.decode()})
                asking.write(answer)
                asking.flush()

    def serve() -> None:
        while True:
            threading.Thread(target=pump, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    recorded: list[dict[str, object]] = []
    for words in RECORDED:
        lines.clear()
        done = ctl(environment, *words)
        recorded.append({"command": " ".join(words), "exit_code": done.returncode, "exchanged": list(lines)})
    listening.close()
    control.unlink()
    real.rename(control)
    return recorded


if __name__ == "__main__":
    main()
