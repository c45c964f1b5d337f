"""The state database is lost: `framed start --recover` makes it anew from what the extractors have left."""

from __future__ import annotations

import os
import signal

from frame_extractor.contract.process import is_alive
from framed.errors import Exit
from framed.protocol.messages import ProjectState
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import DEADLINE_S, until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
RUNNING, RETRYING = ProjectState.RUNNING, ProjectState.RETRYING


def damage(root: Root, content: bytes) -> None:
    for file in root.places.state.glob("framed.db*"):
        file.unlink()
    root.places.store.write_bytes(content)


def test_state_is_recovered_from_the_datasets(root: Root) -> None:
    """What runs is adopted, attempt numbers go on; what is complete, failed or cancelled is not begun again by itself;
    a retry is still to come; it is said what is lost.
    """
    gate = root.places.root / "gate"
    daemon = root.start()
    root.film("runs", f"crash 1 wait {gate}")
    root.film("failed", "exit 65")
    root.film("stopped", "run 600")
    root.film("series", name="e01.mkv")
    root.film("done")
    process = root.extractor("runs", attempt=2)
    root.extractor("stopped")
    root.cancel("stopped")
    for name, state in (("failed", FAILED), ("stopped", CANCELLED), ("done", COMPLETE), ("series", COMPLETE)):
        root.wait_for(name, state)
    job_id = root.wait_for("runs", RUNNING).job_id
    stop(daemon, signal.SIGKILL)
    damage(root, b"\xff" * 10_000)
    root.film("series", name="e02.mkv")
    root.start("--recover")
    said = root.log_of(1)
    assert str(root.places.store.with_name("framed.db.damaged-1")) in said
    assert "recovered from the datasets: 5 projects (" in said
    assert "counted as cancelled; `framectl submit` continues them: stopped" in said
    assert "is lost: which projects were queued and not started" in said
    adopted = root.wait_for("runs", RUNNING)
    assert (adopted.job_id, adopted.attempt) == (job_id, 2)
    assert is_alive(process)
    # A film that comes now shows that framed has scanned all of them.
    until(lambda: (now := root.status("series")) and now.state is COMPLETE and now.frames == 2, "the new film is done")
    assert {name: len(root.attempts(name)) for name in ("failed", "stopped", "done", "series", "runs")} == {
        "failed": 1, "stopped": 1, "done": 1, "series": 2, "runs": 2,
    }  # fmt: skip
    for name, state in (("failed", FAILED), ("stopped", CANCELLED), ("done", COMPLETE)):
        assert root.wait_for(name, state).attempt == 1
    gate.touch()
    assert root.wait_for("runs", COMPLETE).job_id == job_id
    root.submit("stopped")
    root.extractor("stopped", attempt=2)


def test_what_ended_or_was_lost_before_the_recovery_goes_on(root: Root) -> None:
    """An exit that asks for another attempt, one that left no word, and one of an earlier boot."""
    gate = root.places.root / "gate"
    root.places.settings_file.write_text(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 600, max_s: 600"))
    daemon = root.start()
    root.film("retries", "exit 74 1")
    root.film("killed", f"wait {gate}")
    root.film("earlier", f"wait {gate}")
    killed, earlier = root.extractor("killed"), root.extractor("earlier")
    root.wait_for("retries", RETRYING)
    root.wait_for("earlier", RUNNING)
    stop(daemon, signal.SIGKILL)
    os.kill(killed.pid, signal.SIGKILL)
    os.kill(earlier.pid, signal.SIGKILL)
    root.forge("earlier", boot_id="another-boot")
    damage(root, b"")
    gate.touch()
    root.places.settings_file.write_text(QUICK)
    root.start("--recover")
    assert root.wait_for("retries", COMPLETE).attempt == 2
    assert root.wait_for("killed", COMPLETE).attempt == 2
    assert root.wait_for("earlier", COMPLETE).attempt == 1
    assert {len(root.attempts(name)) for name in ("retries", "killed", "earlier")} == {2}


def test_intact_store_is_not_recovered(root: Root) -> None:
    """Nor one whose datasets say nothing, which may be away."""
    daemon = root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)
    stop(daemon)
    assert root.launch("--recover").wait(DEADLINE_S) == Exit.REFUSED
    assert "is intact: nothing has to be recovered" in root.log_of(1)
    damage(root, b"")
    away = root.places.datasets.rename(root.places.root / "away")
    assert root.launch("--recover").wait(DEADLINE_S) == Exit.REFUSED
    assert "is its disk mounted?" in root.log_of(2)
    root.places.datasets.rmdir()
    away.rename(root.places.datasets)
    root.start("--recover")
    assert root.wait_for("onward", COMPLETE).attempt == 1
