"""Whose folders and files are: root trusts no more of what others have made than anybody else does."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from framed.errors import PlaceNotUsable, RootOfAnother
from framed.instance_lock import instance_lock
from framed.private_files import append_to, check_owner, check_root_folder, make_private, replace_file
from framed.settings.places import load_places, make_folders

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can make what belongs to somebody else")

STRANGER: Final = 65534


def his(path: Path) -> Path:
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    return path


def folder_of_his(tmp_path: Path) -> Path:
    folder = tmp_path / "framed-0"
    folder.mkdir(mode=0o700)
    return his(folder)


def link_of_his(tmp_path: Path) -> Path:
    """To a folder that is root's."""
    (tmp_path / "of-root").mkdir()
    link = tmp_path / "framed-0"
    link.symlink_to(tmp_path / "of-root")
    return his(link)


def link_to_his(tmp_path: Path) -> Path:
    (tmp_path / "his").mkdir()
    link = tmp_path / "framed-0"
    link.symlink_to(his(tmp_path / "his"))
    return link


def open_folder_with_a_link_of_his(tmp_path: Path) -> Path:
    """It is root's, and was open to all for a while."""
    folder = tmp_path / "framed-0"
    folder.mkdir()
    (folder / "lock").symlink_to(tmp_path / "victim")
    his(folder / "lock")
    folder.chmod(0o777)
    return folder


@pytest.mark.parametrize(
    "plant", [folder_of_his, link_of_his, link_to_his, open_folder_with_a_link_of_his], ids=lambda plant: plant.__name__
)
def test_nothing_that_another_user_made_is_made_private(tmp_path: Path, plant: Callable[[Path], Path]) -> None:
    """And nothing is changed in it."""
    folder = plant(tmp_path)
    with pytest.raises(PlaceNotUsable, match=f"belongs to another user .*uid {STRANGER}"):
        make_private(folder)
    assert not (tmp_path / "victim").exists()


def test_folder_whose_files_come_and_go_is_made_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another daemon replaces a file in it: what was listed is gone when its owner is checked."""
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: [*listed(folder), ".replaced.json.7-7"])
    make_private(tmp_path / "framed-0")
    assert (tmp_path / "framed-0").is_dir()


@pytest.mark.parametrize("plant", [folder_of_his, link_of_his, link_to_his], ids=lambda plant: plant.__name__)
def test_root_is_asked_for_the_owner_as_everybody_is(tmp_path: Path, plant: Callable[[Path], Path]) -> None:
    """Also by commands, before they connect."""
    with pytest.raises(PlaceNotUsable, match="another user"):
        check_owner(plant(tmp_path))


def test_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    """The state may be kept on another disk."""
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    make_private(tmp_path / "state")
    assert (tmp_path / "disk").stat().st_mode & 0o777 == 0o700


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """Neither the lock nor a log; what is replaced takes the link's place."""
    root = tmp_path / "root"
    root.mkdir()
    places = load_places(root)
    make_folders(places)
    victim = tmp_path / "victim"
    victim.write_text("of root")
    for path in (places.lock_file, places.completion_log, places.tmux_config):
        path.symlink_to(victim)
    with pytest.raises(PlaceNotUsable, match="lock: cannot be opened"), instance_lock(places):
        pass
    with pytest.raises(OSError, match="symbolic links"):
        append_to(places.completion_log, "line\n")
    replace_file(places.tmux_config, b"new")
    assert (victim.read_text(), places.tmux_config.read_text()) == ("of root", "new")
    assert not places.tmux_config.is_symlink()


def test_root_folder_of_another_user_is_named_with_the_way_out(tmp_path: Path) -> None:
    """By the name of its owner if he has one."""
    check_root_folder(tmp_path)
    check_root_folder(tmp_path / "not there yet")
    with pytest.raises(RootOfAnother, match="runuser -u nobody -- COMMAND"):
        check_root_folder(his(tmp_path))
    os.chown(tmp_path, 54321, 54321)
    with pytest.raises(RootOfAnother, match="setpriv --reuid=54321 --clear-groups COMMAND"):
        check_root_folder(tmp_path)


def test_lock_is_lost_with_its_name_and_not_with_its_content(tmp_path: Path) -> None:
    """Another file of that name is another lock; two daemons that each hold one know of it."""
    root = tmp_path / "root"
    root.mkdir()
    places = load_places(root)
    make_folders(places)
    with instance_lock(places) as first:
        places.lock_file.write_text("whatever")
        assert not first.is_lost()
        places.lock_file.unlink()
        assert first.is_lost()
        with instance_lock(places) as second:
            assert first.is_lost()
            assert not second.is_lost()


def test_file_is_replaced_by_several_threads_at_once(tmp_path: Path) -> None:
    """As by two projects that find no tmux server in the same moment."""
    tmp_path.chmod(0o700)
    path = tmp_path / "tmux.conf"
    contents = [bytes([number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        for done in [threads.submit(replace_file, path, content) for content in contents * 20]:
            done.result()
    assert path.read_bytes() in contents
    assert [each.name for each in tmp_path.iterdir()] == ["tmux.conf"]
