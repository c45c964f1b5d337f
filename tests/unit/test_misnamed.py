"""What seems to be meant for framed, and has no effect: it is reported, and is no error where others may mean it."""

from __future__ import annotations

from pathlib import Path

import pytest

from framed.errors import SettingsError
from framed.model.project import Overrides
from framed.settings.config import JobSettings, Settings, load_settings, resolve
from framed.settings.misnamed import MisnamedFiles
from framed.settings.mount_guard import why_not_mounted
from framed.settings.places import Places, load_places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "configs" / "projects").mkdir(parents=True)
    return load_places(tmp_path, {})


def resolved(places: Places, text: str, name: str = "onward.yaml") -> JobSettings:
    (places.projects / name).write_text(text)
    return resolve(Settings(), places, "onward", Overrides())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: 1\nmode: scene", ":2: mode has no effect at the top level; put it into frame_extraction"),
        (
            "scene_treshold: 3",
            ":1: scene_treshold has no effect at the top level; did you mean frame_extraction.scene_thre",
        ),
        (
            "blur_threshold: 3",
            ":1: blur_threshold has no effect at the top level; put it into quality",
        ),
        ("workers: 3", ":1: workers has no effect at the top level; put it into frame_extraction"),
        ("frame_extracton:\n  mode: scene", ":1: frame_extracton has no effect; did you mean frame_extraction?"),
        ("Frame_Extraction: {}", ":1: Frame_Extraction has no effect; did you mean frame_extraction?"),
        ("extraction: {mode: scene}", ":1: extraction has no effect; did you mean frame_extraction?"),
        ("path: {frames: out/frames}", ":1: path has no effect; did you mean paths?"),
        ("budget: {slots: 3}", ":1: budget has no effect here; it is read in framed.yaml only"),
    ],
)
def test_misspelt_section_or_key_is_reported_with_its_line(places: Places, text: str, words: str) -> None:
    job = resolved(places, text)
    (warning,) = job.warnings
    assert warning.startswith(f"configs/projects/onward.yaml{words}")
    assert job.extraction == Settings().frame_extraction.resolved


@pytest.mark.parametrize(
    "text",
    [
        "segmentation: {model: sam2}\nclustering: {min_samples: 2}\ncaptioning: {prefix: a}\nlora_training: {rank: 1}",
        "model: sam2\nname: onward\nqualities: [a]\nmetrics: {fid: true}\nretry_policy: 3\nprojector: 1",
        "feature_extraction: {layers: 3}\nquality: {min_face_size: 64}\nproject: {studio: Pixar}\npaths: {models: /m}",
        "budget: {euros: 3}\nnotify: {mail: a@b}\nmode: {of: operation}",
    ],
)
def test_what_is_another_tools_is_left_alone(places: Places, text: str) -> None:
    """Nobody wants to read of it for ever, and nothing of it is an error."""
    assert resolved(places, text).warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quality:\n  blur_treshold: 5", ":2: quality.blur_treshold: no such key; did you mean blur_threshold?"),
        ("paths:\n  frame: out/frames", ":2: paths.frame: no such key; did you mean frames?"),
        ("watch:\n  subfolder: true", ":2: watch.subfolder: no such key; did you mean subfolders?"),
        ("watch:\n  settle_s: 3", ":2: watch.settle_s: no such key; there are subfolders"),
    ],
)
def test_what_nearly_is_a_key_in_a_section_of_frameds_is_a_mistake(places: Places, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolved(places, text)
    assert str(caught.value) == f"{places.project_file('onward')}{words}"


def test_variable_that_resembles_a_key_which_is_given_is_no_mistake(places: Places) -> None:
    job = resolved(places, "paths:\n  frame: out\n  frames: ${frame}/frames")
    assert job.frames_dir == places.root / "out" / "frames"


def test_project_says_for_itself_whether_it_has_seasons(places: Places) -> None:
    assert (resolved(places, "").subfolders, resolved(places, "").own_subfolders) == (False, None)
    assert resolved(places, "watch: {subfolders: true}").subfolders
    (places.root / "configs" / "framed.yaml").write_text("watch: {subfolders: true}")
    settings = load_settings(places)
    (places.projects / "onward.yaml").write_text("watch: {subfolders: false}")
    assert not resolve(settings, places, "onward", Overrides()).subfolders
    assert resolve(settings, places, "luca", Overrides()).subfolders


def test_file_of_nearly_the_right_name_is_reported_while_it_is_there(places: Places) -> None:
    for name in ("coco.yml", "Luca.yaml", "orion.yaml", "orion.yaml.txt", "a.yaml", "A.yaml", "notes.txt"):
        (places.projects / name).touch()
    misnamed = MisnamedFiles(places)
    misnamed.refresh()
    projects = {"coco", "luca", "orion", "a", "A", "other"}
    assert {name: warnings for name in sorted(projects) if (warnings := misnamed.warnings(name, projects))} == {
        "coco": ("configs/projects/coco.yml is not read; rename it to coco.yaml",),
        "luca": ("configs/projects/Luca.yaml is not read; rename it to luca.yaml",),
        "orion": ("configs/projects/orion.yaml.txt is not read; orion.yaml is",),
    }
    (places.projects / "coco.yml").rename(places.projects / "coco.yaml")
    misnamed.refresh()
    assert misnamed.warnings("coco", projects) == ()


def test_settings_file_of_nearly_the_right_name_is_reported(places: Places) -> None:
    (places.root / "configs" / "framed.yml").touch()
    assert load_settings(places).warning == "configs/framed.yml is not read; rename it to framed.yaml"
    places.settings_file.touch()
    assert load_settings(places).warning is None


def test_disk_that_is_not_mounted_is_known_by_what_is_missing_and_by_the_table_of_the_system(
    places: Places, tmp_path: Path
) -> None:
    """Within the root nothing has to be there; elsewhere all but the project's own folder."""
    fstab, disk = tmp_path / "fstab", tmp_path.parent / f"{tmp_path.name}-disk"
    fstab.write_text("# a disk\nUUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw 0 0\nproc /proc proc defaults 0 0\n\n")
    assert why_not_mounted(places.root / "a" / "b" / "frames", places, fstab) is None
    assert why_not_mounted(disk / "onward" / "frames", places, fstab) == f"{disk} is not there; is its disk mounted?"
    disk.mkdir()
    assert why_not_mounted(disk / "onward" / "frames", places, fstab) is None
    assert why_not_mounted(disk / "a" / "onward" / "frames", places, fstab) is not None
    fstab.write_text(f"UUID=3 {disk}/ ext4 noauto 0 0\n")
    words = f"{disk} is listed in {fstab} and not mounted; mount it: mount {disk}"
    assert why_not_mounted(disk / "onward" / "frames", places, fstab) == words
    assert why_not_mounted(places.frames_dir("onward"), places, fstab) is None
