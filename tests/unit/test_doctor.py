"""`framed doctor`: every finding is one that a person can act upon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from framed.service.doctor import Finding, examine_machine, examine_root
from framed.service.doctor import disks as disks_module
from framed.service.install import render, unit_values
from framed.settings import places as places_module
from framed.settings.places import Places, load_places


@pytest.fixture
def places() -> Iterator[Places]:
    """Of a root whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="framed-doc-") as folder:
        for name in ("raw_videos/onward", "datasets", "state", "configs/projects"):
            (Path(folder) / name).mkdir(parents=True)
        yield load_places(Path(folder).resolve(), {"HOME": folder})


def found(places: Places, check: str) -> Finding:
    return next(each for each in examine_root(places) if each.check == check)


def test_sound_root_has_nothing_to_fix(places: Places) -> None:
    """And nothing is left in it of the examination."""
    findings = list(examine_root(places))
    assert [each for each in findings if each.level == "fail"] == []
    assert all(bool(each.remedy) is (each.level != "ok") for each in findings)
    assert list(places.datasets.iterdir()) == []


def test_wrong_settings_fail_and_the_rest_is_examined_all_the_same(places: Places) -> None:
    """With the file, the line and the key."""
    places.settings_file.write_text("watch:\n  settle_s: soon\n")
    assert found(places, "settings").level == "fail"
    assert "framed.yaml:2: watch.settle_s" in found(places, "settings").found
    assert found(places, "output").check == "output"


def test_wrong_settings_of_a_project_are_found(places: Places) -> None:
    """Before it is submitted."""
    places.project_file("onward").write_text("frame_extraction: {mode: scen}")
    assert found(places, "settings").level == "fail"


def test_films_that_are_away_fail(places: Places) -> None:
    """Their disk is not mounted."""
    (places.raw_videos / "onward").rmdir()
    places.raw_videos.rmdir()
    assert found(places, "films").level == "fail"
    assert "mount" in found(places, "films").remedy


def test_disk_that_does_not_answer_is_reported_and_the_others_are_examined(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead network disk lets nobody go who asks it; here for as long as the test lasts."""
    is_over, stat = threading.Event(), os.stat

    def dead(path: str | os.PathLike[str], **how: Any) -> os.stat_result:
        if threading.current_thread() is not threading.main_thread() and path == places.raw_videos:
            is_over.wait()
        return stat(path, **how)

    monkeypatch.setattr(disks_module, "_TIMEOUT_S", 0.5)
    monkeypatch.setattr(os, "stat", dead)
    assert found(places, "films").level == "fail"
    assert "has not answered" in found(places, "films").found
    assert found(places, "output").check == "output"
    is_over.set()


def test_socket_that_nobody_listens_on_is_reported(places: Places) -> None:
    """A daemon that was killed leaves it."""
    assert found(places, "daemon") == Finding(check="daemon", level="ok", found="is not running")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(places.control_socket))
        left.listen()
        assert found(places, "daemon").found.startswith("answers")
    assert found(places, "daemon").level == "warn"


MOUNTS = """\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
30 20 0:40 / {0}/raw_videos rw - 9p C: rw
31 30 0:41 / {0}/raw_videos/orion rw - nfs4 nas:/films rw
"""


def test_every_disk_of_a_project_is_listed_with_how_its_changes_are_noticed(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the one that raw_videos lies on only how many, of others which."""
    (places.raw_videos / "orion").mkdir()
    for module in (disks_module, places_module):
        monkeypatch.setattr(module, "mounts", lambda: MOUNTS.format(places.root))
    home, nas = (each for each in examine_root(places) if each.check == "films")
    assert home.found.startswith(f"{places.raw_videos} (9p), ")
    assert home.found.endswith("projects: 1")
    assert nas.found.startswith(f"{places.raw_videos}/orion (nfs4), ")
    assert nas.found.endswith("projects: orion")
    assert (home.level, nas.level) == ("ok", "ok")


def test_disk_on_which_nothing_would_be_extracted_fails(places: Places) -> None:
    """By the daemon's own rule, and with its words."""
    places.settings_file.write_text("budget: {disk_floor_gb: 900000}")
    assert found(places, "output").level == "fail"
    assert "nothing is extracted below 900.0 TB (budget.disk_floor_gb)" in found(places, "output").remedy


def test_images_on_a_disk_of_windows_are_warned_of(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """One large file may be written quickly there, thousands of small ones are not."""
    monkeypatch.setattr(
        disks_module, "mounts", lambda: MOUNTS.format(places.root).replace("raw_videos rw", "datasets rw")
    )
    assert found(places, "output").level == "warn"
    assert "paths.datasets" in found(places, "output").remedy


def test_every_disk_that_images_go_to_is_tried_once(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of projects that are sent elsewhere too; a folder that is not there yet is tried where it will be."""
    away = places.root / "away"
    away.mkdir()
    for name in ("luca", "orion"):
        (places.raw_videos / name).mkdir()
        places.project_file(name).write_text(f"paths: {{frames: {away}/{name}/frames}}")
    mounts = f"20 1 8:1 / / rw - ext4 x rw\n30 20 8:2 / {away} rw - xfs y rw\n"
    monkeypatch.setattr(disks_module, "mounts", lambda: mounts)
    first, second = (each for each in examine_root(places) if each.check == "output")
    assert first.found.startswith(f"{places.datasets} (ext4), ")
    assert second.found.startswith(f"{away} (xfs), ")
    assert list(away.iterdir()) == []


@pytest.fixture
def unit(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The daemon's unit, as `install-service --user` writes it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "systemd/user/framed.service"
    file.parent.mkdir(parents=True)
    values = unit_values(places, (places.root,), "root", is_users=True)
    file.write_text(render(file.name, values, is_users=True))
    return file


def test_unit_that_would_be_written_otherwise_now_is_warned_of_with_what_differs(places: Places, unit: Path) -> None:
    """After an upgrade, or by hand. What the environment decides may be otherwise for whoever asks."""
    assert found(places, "service").level == "ok"
    unit.write_text(unit.read_text().replace("Environment=PATH=", "Environment=PATH=/opt/bin:"))
    assert found(places, "service").level == "ok"
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSec=600").replace("UMask=0022\n", ""))
    assert found(places, "service").level == "warn"
    assert found(places, "service").found.endswith("differs from what would be installed now: UMask, WatchdogSec")
    assert found(places, "service").remedy.startswith(f"framed install-service --user --root {places.root}")


def test_unit_of_another_root_or_installation_is_none_of_ours(places: Places, unit: Path) -> None:
    """It is reported, and not judged."""
    text = unit.read_text()
    unit.write_text(text.replace(f"--root {places.root}", "--root /srv/films"))
    assert (found(places, "service").level, found(places, "service").found) == ("ok", f"{unit}, for /srv/films")
    unit.write_text(text.replace(str(Path(sys.executable).with_name("framed")), "/bin/true"))
    assert found(places, "service").level == "ok"
    assert "another installation: /bin/true" in found(places, "service").found


def test_unit_whose_program_is_gone_fails(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment was removed, or made anew elsewhere."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    unit = tmp_path / "systemd/user/framed.service"
    unit.parent.mkdir(parents=True)
    unit.write_text('[Service]\nExecStart="/no such/framed" start --root /x\n')
    assert found(places, "service").level == "fail"
    assert "/no such/framed" in found(places, "service").found


def test_decord_beside_decord2_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They overwrite each other's files."""
    metadata = tmp_path / "decord-0.6.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: decord\nVersion: 0.6.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    decord = next(each for each in examine_machine() if each.check == "decord")
    assert decord.level == "fail"
    assert "uninstall" in decord.remedy


@pytest.mark.parametrize("is_sound", [True, False])
def test_exit_code_and_json_say_whether_something_fails(places: Places, *, is_sound: bool) -> None:
    """As scripts ask."""
    if not is_sound:
        places.settings_file.write_text("bugdet: {}")
    done = subprocess.run(
        [sys.executable, "-m", "framed", "doctor", "--json", "--root", str(places.root)],
        capture_output=True, env=os.environ, check=False,
    )  # fmt: skip
    findings = msgspec.convert(msgspec.json.decode(done.stdout)["findings"], list[Finding])
    assert done.returncode == (0 if is_sound else 1)
    assert any(each.level == "fail" for each in findings) is not is_sound
