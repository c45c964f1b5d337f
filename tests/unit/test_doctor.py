"""`framed doctor`: every finding is one that a person can act upon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from framed.service.doctor import Finding, examine_machine, examine_root
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


def test_sound_root_has_nothing_to_mend(places: Places) -> None:
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


def test_socket_that_nobody_listens_on_is_told(places: Places) -> None:
    """A daemon that was killed leaves it."""
    assert found(places, "daemon") == Finding(check="daemon", level="ok", found="does not run")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(places.control_socket))
        left.listen()
        assert found(places, "daemon").found.startswith("answers")
    assert found(places, "daemon").level == "warn"


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
