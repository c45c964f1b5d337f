"""What the release before has left on the disk, and its framectl: nothing of it is lost to the daemon of today.

The files were made by its code: see tests/release_0/make.py.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from frame_extractor.contract.process import boot_id
from framed.protocol.messages import ProjectState
from tests.harness.root import Root, roots
from tests.harness.until import until

KEPT: Final = Path(__file__).resolve().parents[1] / "release_0"
FACTS: Final[dict[str, str]] = json.loads((KEPT / "facts.json").read_text())
EXCHANGES: Final[list[dict[str, Any]]] = json.loads((KEPT / "exchanges.json").read_text())
STAND_IN: Final = KEPT.parent / "fakes" / "attempt_of_release_0.py"
NO_SUCH_VERB: Final = -32601

COMPLETE, FAILED = ProjectState.COMPLETE, ProjectState.FAILED
QUEUED, RUNNING = ProjectState.QUEUED, ProjectState.RUNNING


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """As that release's daemon left it when it was killed, on this machine; `onward` is still in work."""
    for make in roots(tmp_path):
        root = make()
        shutil.copytree(KEPT / "running", root.places.root, dirs_exist_ok=True)
        for path in root.places.root.glob("datasets/*/**/*.json*"):
            path.write_text(here(path.read_text(), root))
        root.places.store.parent.mkdir(exist_ok=True)
        shutil.copy(KEPT / "framed.db", root.places.store)
        with contextlib.closing(sqlite3.connect(root.places.store)) as db, db:
            for row, document in db.execute("SELECT job_order, document FROM jobs").fetchall():
                moved = here(bytes(document).decode(), root).encode()
                db.execute("UPDATE jobs SET document = ? WHERE job_order = ?", (moved, row))
            for (path,) in db.execute("SELECT path FROM films").fetchall():
                db.execute("UPDATE films SET path = ? WHERE path = ?", (here(path, root), path))
        command = [sys.executable, str(STAND_IN), str(root.places.root), str(KEPT), str(gate(root))]
        attempt = subprocess.Popen(command)
        wait_until_recorded(root.layout("onward").started(1), attempt.pid)
        try:
            yield root
        finally:
            attempt.kill()
            attempt.wait()


def wait_until_recorded(started: Path, pid: int) -> None:
    until(lambda: f'"pid": {pid}' in started.read_text(), "the attempt has recorded its process")


def here(text: str, root: Root) -> str:
    """What was written on another machine, as it would be on this one."""
    return text.replace(FACTS["root"], str(root.places.root)).replace(FACTS["boot_id"], boot_id())


def gate(root: Root) -> Path:
    return root.places.root / "gate"


def test_its_database_opens_and_its_attempt_is_adopted_and_completes(root: Root) -> None:
    """The same jobs, in the same states; no attempt is used up, and the queue goes on after it."""
    root.start()
    running = root.wait_for("onward", RUNNING)
    assert (running.job_id, running.attempt, running.stage) == ("113ee12617ea", 1, "opening")
    done, broken = root.wait_for("done", COMPLETE), root.wait_for("broken", FAILED)
    assert (done.job_id, done.frames) == ("ed34b5e30b76", 21)
    assert broken.job_id == "b1eb25fd2b80"
    assert "film.mkv: a text file, not a film" in broken.reason
    assert root.wait_for("queued", QUEUED).job_id == "231bd9b8ccf5"
    gate(root).touch()
    complete = root.wait_for("onward", COMPLETE)
    assert (complete.job_id, complete.attempt, complete.frames) == ("113ee12617ea", 1, 22)
    root.wait_for("queued", COMPLETE)
    assert [len(root.attempts(name)) for name in ("onward", "done", "broken", "queued")] == [1, 1, 1, 1]


def test_its_framectl_is_answered_with_every_field_that_it_knows(root: Root) -> None:
    """What it sent is sent again: under its own keys for the answers that were kept, and under new ones."""
    root.start()
    root.wait_for("onward", RUNNING)
    for new_key in (False, True):
        for number, each in enumerate(EXCHANGES):
            lines = [json.loads(here(line["request"], root)) for line in each["exchanged"]]
            before = [json.loads(line["answer"]) for line in each["exchanged"]]
            for request in lines:
                if new_key and "key" in request.get("params", {}):
                    request["params"]["key"] = f"new-key-{number}"
            for was, now in zip(before, exchange(root, lines), strict=True):
                assert missing(was, now) == [], (each["command"], now)


def test_its_framectl_is_refused_in_the_protocols_words_what_there_is_no_more(root: Root) -> None:
    """An error with a code and a message for a person; and the connection goes on."""
    root.start()
    hello = json.loads(EXCHANGES[0]["exchanged"][0]["request"])
    unheard_of = {"jsonrpc": "2.0", "id": 2, "method": "unheard-of", "params": {}}
    status = {"jsonrpc": "2.0", "id": 3, "method": "status", "params": {}}
    greeted, refused, answered = exchange(root, [hello, unheard_of, status])
    assert greeted["result"]["protocol"].startswith("1.")
    assert (refused["error"]["code"], "unheard-of" in refused["error"]["message"]) == (NO_SUCH_VERB, True)
    assert answered["result"]["schema"] == 1


def exchange(root: Root, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers, on a connection of their own."""
    answers = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(30)
        client.connect(str(root.places.control_socket))
        with client.makefile("rwb") as lines:
            for request in requests:
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                answers.append(json.loads(lines.readline()))
    return answers


def missing(before: Any, now: Any, where: str = "") -> list[str]:
    """What the answer of before had, and that of now has not, or as something else. A value may be absent by now."""
    if isinstance(before, dict) and isinstance(now, dict):
        gone = [f"{where}.{name}" for name in before.keys() - now.keys()]
        return gone + [each for name in before.keys() & now.keys() for each in missing(before[name], now[name], name)]
    if isinstance(before, list) and isinstance(now, list):
        return missing(before[0], now[0], f"{where}[0]") if before and now else []
    numbers = (int, float)
    is_same = type(before) is type(now) or (isinstance(before, numbers) and isinstance(now, numbers))
    return [] if is_same or before is None or now is None else [f"{where}: {before!r} is now {now!r}"]
