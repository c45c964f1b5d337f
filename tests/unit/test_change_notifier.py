"""Change notifications: asked for folder by folder, and known to be missing where they cannot be had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
def notifier() -> Iterator[ChangeNotifier]:
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


def test_what_changed_before_the_watch_began_is_scanned_for(tmp_path: Path) -> None:
    """The folders are those of a scan: what has come since it read them was reported to nobody."""
    notified = threading.Event()
    notifier = ChangeNotifier(notified.set)
    try:
        notifier.watch(frozenset({str(tmp_path)}))
        until(notified.is_set, "a scan is started")
    finally:
        notifier.stop()


def test_a_change_is_reported_and_one_further_down_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing is watched recursively; a folder that may not be read does not prevent it."""
    (tmp_path / "down").mkdir()
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    notified, changed, is_watched = threading.Event(), set[str](), threading.Event()
    watch = watchfiles.watch

    def recorded(*folders: str, **options: Any) -> Iterator[set[watchfiles.main.FileChange]]:
        for changes in watch(*folders, **options):
            changed.update(path for _, path in changes)
            is_watched.set()
            yield changes

    monkeypatch.setattr(watchfiles, "watch", recorded)
    notifier = ChangeNotifier(notified.set)
    try:
        notifier.watch(frozenset({str(tmp_path), str(locked), "/nowhere"}))
        until(is_watched.is_set, "the folders are watched")
        until(notified.is_set, "what was there before is reported")
        notified.clear()
        (tmp_path / "down" / "film.mkv").write_text("new")
        (tmp_path / "film.mkv").write_text("new")
        until(notified.is_set, "the change is reported")
        until(lambda: str(tmp_path / "film.mkv") in changed, "it is that one")
        assert not any("down" in path for path in changed)
    finally:
        notifier.stop()


@pytest.mark.parametrize(
    ("failure", "key"), [(WATCHES_USED_UP, "max_user_watches"), (INSTANCES_USED_UP, "max_user_instances")]
)
def test_limit_that_is_used_up_is_reported_until_it_is_raised(
    notifier: ChangeNotifier, monkeypatch: pytest.MonkeyPatch, failure: Exception, key: str
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
    notifier.watch(frozenset({"/tmp"}))
    problem = until(lambda: notifier.problem, "it is reported")
    assert f"(fs.inotify.{key}) is used up; sudo sysctl fs.inotify.max_user_watches=" in problem
    is_raised.set()
    until(lambda: not notifier.problem, "it is no longer reported")


def test_limits_are_raised_and_never_lowered() -> None:
    """Those of a small machine to what is enough; where even many are used up, twice as many."""
    small, large = InotifyLimits(8192, 128), InotifyLimits(200_000, 64)
    assert (small.are_low, large.are_low) == (False, True)
    assert small.remedy == "sudo sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=512"
    assert large.remedy == "sudo sysctl fs.inotify.max_user_watches=400000 fs.inotify.max_user_instances=512"
