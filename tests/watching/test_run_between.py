"""Films that are extracted at some hours only: outside them what runs is suspended, what comes waits; both go on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from framed.ctl.client import connect
from framed.protocol.messages import Pause, PauseReply, ProjectState, Reload, ReloadReply, Resume, ResumeReply
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, PAUSED, QUEUED, RUNNING = (
    ProjectState.COMPLETE,
    ProjectState.PAUSED,
    ProjectState.QUEUED,
    ProjectState.RUNNING,
)


def between(begins_h: int, ends_h: int) -> str:
    """Settings with a window of so many hours from now."""
    now = datetime.now(UTC).astimezone()
    begins, ends = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (begins_h, ends_h))
    return QUICK.replace("budget: {", f'budget: {{run_between: "{begins}-{ends}", ')


def reload(root: Root, settings: str) -> tuple[str, ...]:
    """The keys that are others now."""
    root.places.settings_file.write_text(settings, encoding="utf-8")
    with connect(root.places) as daemon:
        return daemon.call("reload", Reload(), ReloadReply).changed


def resume(root: Root, project: str) -> str:
    """What is answered."""
    with connect(root.places) as daemon:
        reply = daemon.call("resume", Resume(projects=(project,), key=uuid.uuid4().hex), ResumeReply)
    return reply.outcomes[0].message


def pause(root: Root, project: str) -> None:
    with connect(root.places) as daemon:
        daemon.call("pause", Pause(projects=(project,), key=uuid.uuid4().hex), PauseReply)


def test_film_is_suspended_when_its_hours_are_over_and_goes_on_when_they_begin(new_root: Callable[..., Root]) -> None:
    """By the clock on the wall, which is put forward by two hours and back. Its attempt is one and the same."""
    root = new_root(between(-1, 1))
    gate, wall_clock = root.places.root / "gate", root.places.root / "wall-clock-ahead-s"
    root.start()
    root.film("onward", f"wait {gate}")
    root.wait_for("onward", RUNNING)
    process = root.extractor("onward")
    wall_clock.write_text("7200", encoding="ascii")
    words = "outside its hours: continues at "
    until(lambda: root.wait_for("onward", PAUSED).workers == 0, "it is suspended")
    assert root.wait_for("onward", PAUSED).reason.startswith(words)
    assert resume(root, "onward").startswith(f"suspended by framed and cannot be resumed: {words}")
    pause(root, "onward")
    assert root.wait_for("onward", PAUSED).reason == "its slots are free for others"
    assert resume(root, "onward").startswith(f"no longer paused, but suspended by framed: {words}")
    root.film("luca")
    until(lambda: root.wait_for("luca", QUEUED).reason.startswith(words), "what comes now waits")
    root.submit("luca")
    until(lambda: root.wait_for("luca", QUEUED).reason.startswith(words), "nor does it begin for being asked for")
    wall_clock.write_text("0", encoding="ascii")
    root.wait_for("onward", RUNNING)
    root.wait_for("luca", COMPLETE)
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert [record.process for record in root.attempts("onward")] == [process]


def test_other_hours_hold_as_soon_as_they_are_read(new_root: Callable[..., Root]) -> None:
    """Both ways."""
    root = new_root()
    gate = root.places.root / "gate"
    root.start()
    root.film("onward", f"wait {gate}")
    root.wait_for("onward", RUNNING)
    assert reload(root, between(2, 3)) == ("budget.run_between",)
    until(lambda: root.wait_for("onward", PAUSED).workers == 0, "its workers have parked")
    assert (
        ", in 1 h " in root.wait_for("onward", PAUSED).reason or ", in 2 h " in root.wait_for("onward", PAUSED).reason
    )
    assert reload(root, QUICK) == ("budget.run_between",)
    root.wait_for("onward", RUNNING)
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 1
