"""Where everything is: the root that is meant, the state folder, the sockets, the list of running daemons."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from framed.errors import PlaceNotUsable, RootAmbiguous, RootMissing, RootNotFound, SettingsError
from framed.private_files import check_owner, make_private
from framed.running_daemons import registered, running_roots
from framed.runtime_dir import runtime_dir
from framed.settings import places as places_module
from framed.settings.places import (
    filesystem_type,
    find_root,
    load_places,
    make_folders,
)

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
60 27 0:50 / /mnt/c rw,noatime shared:3 - 9p C:\134 rw,aname=drvfs
61 27 0:51 / /mnt/c/inner rw,noatime - ext4 /dev/vdb rw
62 27 0:52 / /mnt/my\040films rw - cifs //nas/films rw
63 27 0:53 / /srv/films rw master:2 propagate_from:1 - nfs4 nas:/films rw
64 27 0:54 / /srv/films rw - tmpfs tmpfs rw
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment of its own: nothing of the user's daemons is found in it."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    return {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(runtime)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "raw_videos").mkdir(parents=True)
    return folder


def write_settings(root: Path, text: str) -> None:
    (root / "configs").mkdir(exist_ok=True)
    (root / "configs" / "framed.yaml").write_text(text)


@contextmanager
def listening(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        yield


def test_option_wins_over_environment_and_environment_over_current_folder(
    root: Path, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--root, then $FRAMED_ROOT, then the current folder when it is a root."""
    second, third = tmp_path / "second", tmp_path / "third"
    second.mkdir()
    third.mkdir()
    monkeypatch.chdir(root)
    assert find_root(None, environ) == root
    assert find_root(None, environ | {"FRAMED_ROOT": str(second)}) == second
    assert find_root(str(third), environ | {"FRAMED_ROOT": str(second)}) == third


def test_settings_file_alone_makes_a_folder_a_root(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """raw_videos may lie elsewhere; configs/framed.yaml then says so, and marks the root."""
    write_settings(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert find_root(None, environ) == tmp_path


def test_start_takes_a_folder_that_is_no_root_yet(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`framed start` in a fresh folder begins there; any other command there says what is missing."""
    monkeypatch.chdir(tmp_path)
    assert find_root(None, environ, fresh=True) == tmp_path
    assert find_root("new", environ, fresh=True) == tmp_path / "new"
    with pytest.raises(RootNotFound, match="is not a root"):
        find_root(None, environ)


@pytest.mark.parametrize("fresh", [False, True])
def test_root_that_cannot_be_one_is_named_with_where_it_was_given(
    tmp_path: Path, environ: dict[str, str], fresh: bool
) -> None:
    """A mistyped root is an error that says which of the two places has the mistake."""
    with pytest.raises(RootMissing, match=r"from --root\): no such folder"):
        find_root(str(tmp_path / "no" / "where"), environ, fresh=fresh)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RootMissing, match=r"from FRAMED_ROOT\): is no folder"):
        find_root(None, environ | {"FRAMED_ROOT": str(file)}, fresh=fresh)
    unspeakable = tmp_path / "\udcff"
    unspeakable.mkdir()
    with pytest.raises(RootMissing, match=r"from --root\): its path is not UTF-8"):
        find_root(str(unspeakable), environ, fresh=fresh)


def test_removed_current_folder_is_an_error_not_a_crash(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell's current folder may be one that somebody removed."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(RootMissing, match="removed"):
        find_root(None, environ)


def test_root_is_the_same_through_a_symbolic_link(root: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """Two names of one folder lead to one daemon."""
    link = tmp_path / "link"
    link.symlink_to(root)
    assert load_places(find_root(str(link), environ), environ) == load_places(root, environ)


def test_elsewhere_the_only_running_daemon_is_meant(
    root: Path, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One running daemon is found from anywhere; two are named; a dead one's entry does not count."""
    monkeypatch.chdir(tmp_path)
    first, second = load_places(root, environ), load_places(tmp_path / "other", environ)
    with registered(first.root, first.control_socket, environ), registered(second.root, second.control_socket, environ):
        with listening(first.control_socket):
            assert find_root(None, environ) == root
            with listening(second.control_socket), pytest.raises(RootAmbiguous) as ambiguous:
                find_root(None, environ)
        assert ambiguous.value.roots == (tmp_path / "other", root)
        assert running_roots(environ) == ()


def test_damaged_entry_of_a_daemon_is_no_daemon(root: Path, environ: dict[str, str]) -> None:
    """What lies in the runtime folder may be anything."""
    places = load_places(root, environ)
    with registered(places.root, places.control_socket, environ), listening(places.control_socket):
        folder = runtime_dir(environ) / "running"
        for number, content in enumerate([b"", b"{", b"[]", b"\xff", json.dumps({"socket": 5, "root": 1}).encode()]):
            (folder / f"{number}.json").write_bytes(content)
        assert running_roots(environ) == (root,)
    assert running_roots(environ) == ()


def test_folders_are_under_the_root_by_default(root: Path, environ: dict[str, str]) -> None:
    """The guide's tree, without a settings file."""
    found = load_places(root, environ)
    assert found.films_dir("onward") == root / "raw_videos" / "onward"
    assert found.frames_dir("onward") == root / "datasets" / "onward" / "frames"
    assert found.project_file("onward") == root / "configs" / "projects" / "onward.yaml"
    assert found.completion_log == root / "logs" / "frame_extraction" / "completion_notifications.log"
    assert found.control_socket == root / "state" / "control.sock"
    assert not found.state_is_elsewhere


def test_every_folder_can_be_pointed_elsewhere(root: Path, environ: dict[str, str]) -> None:
    """~, other keys and the environment are replaced; relative paths start at the root."""
    write_settings(
        root,
        "paths:\n  raw_videos: /mnt/c/raw_videos\n  datasets: ${DATA}/3d-anime\n  projects: ~/projects\n"
        "  logs: ${datasets}/../logs\n  state: var/state\nfoo: not read here\n",
    )
    found = load_places(root, environ | {"DATA": "/mnt/data"})
    assert found.raw_videos == Path("/mnt/c/raw_videos")
    assert found.datasets == Path("/mnt/data/3d-anime")
    assert found.projects == Path("~/projects").expanduser()
    assert found.logs == Path("/mnt/data/logs")
    assert found.state == root / "var" / "state"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paths:\n  dataset: x", r"framed.yaml:2: paths.dataset: no such key; did you mean datasets\?"),
        ("paths:\n  datasets: 5", "framed.yaml:2: paths.datasets: must be text, not 5"),
        ("paths:\n  datasets: ''", "framed.yaml:2: paths.datasets: must be a path"),
        ("paths:\n  datasets: ${NOPE}/x", "NOPE} is neither a key of `paths` nor set in the environment"),
        ("paths:\n  logs: ${state}\n  state: ${logs}", "refers to itself"),
    ],
)
def test_wrong_path_is_an_error_with_its_line(root: Path, environ: dict[str, str], text: str, message: str) -> None:
    """A path that is not understood must not become a folder of a strange name."""
    write_settings(root, text)
    with pytest.raises(SettingsError, match=message):
        load_places(root, environ)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/c/films/state", "9p"),
        ("/mnt/c", "9p"),
        ("/mnt/cc/state", "ext4"),
        ("/mnt/c/inner/state", "ext4"),
        ("/mnt/my films/x", "cifs"),
        ("/srv/films/x", "tmpfs"),
        ("/home/me", "ext4"),
    ],
)
def test_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    """The longest mount point counts, of equal ones the last; spaces are written as octal there."""
    assert filesystem_type(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["9p", "drvfs", "nfs", "nfs4", "cifs", "smb3"])
def test_state_goes_home_where_the_root_cannot_hold_it(
    root: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """On /mnt/c, NFS and SMB neither locks nor sockets can be relied on; two roots never share a state folder."""
    monkeypatch.setattr(places_module, "mounts", lambda: f"1 0 0:1 / {root.parent} rw - {kind} x rw")
    found = load_places(root, environ)
    assert found.state_is_elsewhere
    assert found.state.parent == Path(environ["HOME"]) / ".local" / "state" / "framed"
    assert load_places(root.parent, environ).state != found.state
    given = load_places(root, environ | {"XDG_STATE_HOME": "/var/tmp/states"})
    assert given.state.parent == Path("/var/tmp/states/framed")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Private, with a path as short as that of a real runtime folder: one of pytest's may be too long for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_sockets_go_to_the_runtime_folder_when_the_path_is_too_long(
    tmp_path: Path, environ: dict[str, str], short_folder: Path
) -> None:
    """Up to 107 bytes they lie in the state folder, above that in the runtime folder, and can be bound there."""
    environ["XDG_RUNTIME_DIR"] = str(short_folder)
    base = tmp_path / "r"
    room = 107 - len(os.fsencode(base / "state" / "control.sock"))
    fits, too_long = Path(f"{base}{'x' * room}"), Path(f"{base}{'x' * room}y")
    assert load_places(fits, environ).sockets == fits / "state"
    with listening(fits / "state" / "control.sock"):
        pass
    found = load_places(too_long, environ)
    assert found.sockets.parent == Path(environ["XDG_RUNTIME_DIR"]) / "framed"
    make_folders(found)
    with listening(found.control_socket):
        pass
    for folder in (found.sockets, found.sockets.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert load_places(Path(f"{too_long}y"), environ).sockets != found.sockets
    far = tmp_path / ("x" * 100)
    far.mkdir()
    last = load_places(too_long, environ | {"XDG_RUNTIME_DIR": str(far)}).sockets
    assert last.parent == Path(f"/tmp/framed-{os.getuid()}")


def test_start_makes_every_folder_and_keeps_state_private(root: Path, environ: dict[str, str]) -> None:
    """The user's folders are named once when they are made; the state folder is closed to others, also an old one."""
    (root / "state").mkdir(mode=0o755)
    found = load_places(root, environ)
    assert set(make_folders(found)) == {found.datasets, found.projects, found.logs}
    assert make_folders(found) == ()
    assert stat.S_IMODE(found.state.stat().st_mode) == 0o700


def test_disk_that_is_not_mounted_is_not_filled_under_its_mount_point(root: Path, environ: dict[str, str]) -> None:
    """Outside the root only the last folder of a path is made."""
    disk = root.parent / "disk"
    write_settings(root, f"paths:\n  datasets: {disk}/data/3d-anime")
    with pytest.raises(PlaceNotUsable, match="mounted"):
        make_folders(load_places(root, environ))
    assert not disk.exists()
    (disk / "data").mkdir(parents=True)
    make_folders(load_places(root, environ))
    assert (disk / "data" / "3d-anime").is_dir()


def test_file_in_the_place_of_a_folder_is_named(root: Path, environ: dict[str, str]) -> None:
    """Something is in the way: say what and where."""
    (root / "datasets").touch()
    with pytest.raises(PlaceNotUsable, match=f"{root}/datasets"):
        make_folders(load_places(root, environ))
    (root / "file").touch()
    with pytest.raises(PlaceNotUsable, match="file"):
        make_private(root / "file")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_folder_of_another_user_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared /tmp somebody else may have made the folder first."""
    os.chown(tmp_path, 12345, 12345)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(PlaceNotUsable, match="another user"):
        check_owner(tmp_path)


def test_without_the_variable_the_same_runtime_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """cron and ssh set no XDG_RUNTIME_DIR: /run/user/UID is asked for all the same, and /tmp is the last resort."""
    folder = f"/run/user/{os.getuid()}"
    expected = Path(folder) / "framed" if os.path.isdir(folder) else Path(f"/tmp/framed-{os.getuid()}")
    assert runtime_dir({}) == expected
    assert runtime_dir({"XDG_RUNTIME_DIR": "relative"}) == expected
    assert runtime_dir({"XDG_RUNTIME_DIR": "/does/not/exist"}) == expected
