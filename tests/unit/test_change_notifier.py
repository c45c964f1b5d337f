"""Notifications as a hint: asked for folder by folder, and known to be missing where they cannot be had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import watchfiles

from framed.host.inotify import InotifyLimits
from framed.watching import change_notifier as notifier_module
from framed.watching.change_notifier import ChangeNotifier, notifying_folders, supports_notifications
from tests.harness.until import until

TABLE = """\
1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:40 / /studio/raw_videos/from\\040the\\040server rw - nfs4 nas:/films rw
3 1 0:41 / /mnt/c rw - 9p C:\\134 rw
"""
WATCHES_USED_UP = OSError('OS file watch limit reached. about ["/a"] (Error { kind: MaxFilesWatch, paths: ["/a"] })')
INSTANCES_USED_UP = RuntimeError("Error creating recommended watcher: Too many open files (os error 24)")


@pytest.fixture
def hint() -> Iterator[ChangeNotifier]:
    made = ChangeNotifier(lambda: None)
    yield made
    made.stop()


def test_notifications_are_not_trusted_where_they_do_not_come() -> None:
    """A temporary folder has them."""
    assert supports_notifications(Path("/tmp"))


def test_each_folder_is_judged_by_the_disk_that_it_lies_on(tmp_path: Path) -> None:
    """A project may be a mount of its own, or a link to another disk."""
    link = tmp_path / "link"
    link.symlink_to("/mnt/c/films")
    raw_videos = "/studio/raw_videos"
    folders = [raw_videos, f"{raw_videos}/here", f"{raw_videos}/from the server", str(link), str(tmp_path)]
    assert notifying_folders(folders, TABLE) == {raw_videos, f"{raw_videos}/here", str(tmp_path)}


def test_a_change_rings_and_one_further_down_does_not(tmp_path: Path) -> None:
    """So nothing is watched recursively; a folder that may not be read is no hindrance."""
    (tmp_path / "down").mkdir()
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    rung = threading.Event()
    hint = ChangeNotifier(rung.set)
    hint.watch(frozenset({str(tmp_path), str(locked), "/nowhere"}))

    def rings_for(path: Path) -> bool:
        rung.clear()
        path.write_text("new")
        return rung.wait(2)

    try:
        # Until the watch stands.
        until(lambda: rings_for(tmp_path / "film.mkv"), "it rings")
        assert not rings_for(tmp_path / "down" / "film.mkv")
    finally:
        hint.stop()


@pytest.mark.parametrize(
    ("failure", "key"), [(WATCHES_USED_UP, "max_user_watches"), (INSTANCES_USED_UP, "max_user_instances")]
)
def test_limit_that_is_used_up_is_told_until_it_is_raised(
    hint: ChangeNotifier, monkeypatch: pytest.MonkeyPatch, failure: Exception, key: str
) -> None:
    """With the command that raises it; and without a restart."""
    is_raised = threading.Event()
    watch = watchfiles.watch

    def limited(*folders: str, **options: object) -> object:
        assert options["force_polling"] is False
        # With it, watchfiles says nothing of a limit either.
        assert options["ignore_permission_denied"] is False
        if not is_raised.is_set():
            raise failure
        return watch(*folders, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watchfiles, "watch", limited)
    monkeypatch.setattr(notifier_module, "_LONG_PAUSE_S", 0.1)
    hint.watch(frozenset({"/tmp"}))
    problem = until(lambda: hint.problem, "it is told")
    assert f"(fs.inotify.{key}) is used up; sudo sysctl fs.inotify.max_user_watches=" in problem
    is_raised.set()
    until(lambda: not hint.problem, "it is no longer told")


def test_limits_are_raised_and_never_lowered() -> None:
    """Those of a small machine to what is enough; where even many are used up, twice as many."""
    small, large = InotifyLimits(8192, 128), InotifyLimits(200_000, 64)
    assert (small.are_low, large.are_low) == (False, True)
    assert small.remedy == "sudo sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=512"
    assert large.remedy == "sudo sysctl fs.inotify.max_user_watches=400000 fs.inotify.max_user_instances=512"
