"""What is in raw_videos and is left out is named where people look; seasons are taken where that is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import ManifestEntry, Results
from framed.ctl.client import CallFailed, connect
from framed.protocol.messages import ProjectState
from framed.protocol.queries import Projects, ProjectsReply, Show, ShowReply
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import QUICK, Root
from tests.harness.until import until

COMPLETE, NEW = ProjectState.COMPLETE, ProjectState.NEW


def says(root: Root, project: str, words: str) -> None:
    until(lambda: (now := root.status(project)) and words in now.reason, f"the note of {project} has: {words}")


def names_of_results(layout: OutputLayout) -> list[str]:
    return [film.name for film in msgspec.json.decode(layout.results.read_bytes(), type=Results).films]


def test_what_is_left_out_is_named_in_the_note_in_projects_and_in_show(root: Root) -> None:
    """Also of a project that is complete, and when there is nothing else in it."""
    root.film("show", name="pilot.mkv")
    for name in ("season 1/ep01.mkv", "season 1/ep02.mkv", "clip.ogv"):
        path = root.places.films_dir("show") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (root.places.films_dir("empty") / "disc 1").mkdir(parents=True)
    (root.places.films_dir("empty") / "disc 1" / "a.mkv").write_text("a")
    (root.places.raw_videos / "loose.mkv").write_text("in no project")
    root.start()
    root.wait_for("show", COMPLETE)
    subfolders = "2 films in subfolders are skipped; set watch.subfolders: true"
    formats = "1 video of other formats (clip.ogv) is skipped; convert to .mkv or .mp4"
    assert root.wait_for("show", COMPLETE).reason == f"{subfolders}; {formats}"
    one = "1 film in subfolders is skipped; set watch.subfolders: true"
    assert root.wait_for("empty", NEW).reason == f"no film in it; {one}"
    words = "1 film in raw_videos itself is skipped (loose.mkv); put each into the folder of a project"
    assert root.notices() == (words,)
    with connect(root.places) as daemon:
        by_name = {each.name: each for each in daemon.call("projects", Projects(), ProjectsReply).projects}
        assert by_name["show"].notes == (subfolders, formats)
        assert daemon.call("show", Show(project="show"), ShowReply).notes == (subfolders, formats)
    with pytest.raises(CallFailed, match=re.escape(f"no video file in {root.places.films_dir('empty')}; {one}")):
        root.submit("empty")


def test_seasons_are_films_of_the_project_and_found_as_they_come(new_root: Callable[..., Root]) -> None:
    """By a project's own file or for all; without a scan in between: the file system notifies."""
    root = new_root(
        QUICK.replace("scan_interval_s: 0.2", "scan_interval_s: 60").replace("settle_scans: 2", "settle_scans: 1")
    )
    root.places.projects.mkdir(parents=True)
    root.places.project_file("show").write_text("watch: {subfolders: true}\n")
    folder = root.film("show", name="pilot.mkv").parent
    for name in ("season 1/ep01.mkv", "season 2/ep01.mkv"):
        (folder / name).parent.mkdir()
        (folder / name).write_text(f"\n{name}\n")
    root.start()
    root.submit("show")
    until(
        lambda: (now := root.status("show")) and (now.state, now.frames) == (COMPLETE, 3), "three films are extracted"
    )
    assert names_of_results(root.layout("show")) == ["pilot.mkv", "season 1/ep01.mkv", "season 2/ep01.mkv"]
    with connect(root.places) as daemon:
        films = daemon.call("show", Show(project="show"), ShowReply).films
        assert [film.name for film in films] == ["pilot.mkv", "season 1/ep01.mkv", "season 2/ep01.mkv"]
    (folder / "season 2" / "ep02.mkv").write_text("\nep02\n")
    until(lambda: (now := root.status("show")) and now.films == 4, "the new episode is seen")


@pytest.mark.parametrize("name", ["a.mkv", "season 1/a.mkv", "season 2/a.mkv"])
def test_specification_of_before_names_films_by_their_files(name: str) -> None:
    spec = AttemptSpec(project="show", job_id="1", films=(f"/films/show/{name}",), frames_dir="/d/show/frames")
    assert spec.name_of(spec.films[0]) == "a.mkv"
    assert msgspec.structs.replace(spec, films_dir="/films/show").name_of(spec.films[0]) == name
    assert msgspec.structs.replace(spec, films_dir="/films/sho").name_of(spec.films[0]) == "a.mkv"


def test_images_of_two_films_of_one_name_lie_apart_and_are_called_by_their_seasons(root: Root) -> None:
    """With the real extractor: in folders, in the results, in the manifest, and in what is said of one that fails."""
    root.places.settings_file.write_text(QUICK.replace("watch: {", "watch: {subfolders: true, give_up_s: 0, "))
    folder = root.places.films_dir("show")
    for season, cut in ((1, 40), (2, 50)):
        (folder / f"season {season}").mkdir(parents=True)
        write_film(folder / f"season {season}" / "ep01.mkv", FilmPlan(cuts=(cut,)))
    (folder / "season 2" / "bad.mkv").write_text("no film")
    root.start(real=True)
    status = root.wait_for("show", ProjectState.FAILED, deadline_s=60)
    assert "season 2/bad.mkv: a text file, not a film" in status.reason
    layout = root.layout("show")
    results = msgspec.json.decode(layout.results.read_bytes(), type=Results).films
    names = ["season 1/ep01.mkv", "season 2/bad.mkv", "season 2/ep01.mkv"]
    assert [film.name for film in results] == names
    lines = [msgspec.json.decode(line, type=ManifestEntry) for line in layout.manifest.read_bytes().splitlines()]
    assert {line.film for line in lines} == {names[0], names[2]}
    folders = {line.film: line.file.rpartition("/")[0] for line in lines}
    assert folders[names[0]] == ""
    assert re.fullmatch(r"season-2-ep01\.mkv-[0-9a-f]{8}", folders[names[2]])
    assert all((layout.frames_dir / line.file).is_file() for line in lines)


def test_what_has_no_effect_in_a_projects_settings_is_reported(root: Root) -> None:
    root.places.projects.mkdir(parents=True)
    root.places.project_file("luca").write_text("mode: scene\n")
    (root.places.projects / "coco.yml").touch()
    root.film("luca")
    root.film("coco")
    root.start()
    root.wait_for("luca", COMPLETE)
    words = "configs/projects/luca.yaml:1: mode has no effect at the top level; put it into frame_extraction"
    says(root, "luca", words)
    root.wait_for("coco", COMPLETE)
    says(root, "coco", "configs/projects/coco.yml is not read; rename it to coco.yaml")
    with connect(root.places) as daemon:
        assert daemon.call("show", Show(project="luca"), ShowReply).notes == (words,)


def test_output_on_a_disk_that_is_not_mounted_is_waited_for_and_made_nowhere_else(
    new_root: Callable[..., Root], tmp_path: Path
) -> None:
    """Before the film is queued, when somebody submits it, and when the disk goes while it waits."""
    root = new_root(QUICK.replace("max_active: 4", "max_active: 1"))
    disk = tmp_path / "usb"
    root.places.projects.mkdir(parents=True)
    root.places.project_file("onward").write_text(f"paths: {{frames: {disk}/onward/frames}}\n")
    root.film("onward")
    root.start()
    words = f"the images would go to {disk}/onward/frames: {disk} is not there; is its disk mounted?"
    says(root, "onward", words)
    with pytest.raises(CallFailed, match=re.escape(f"the images of onward would go to {disk}/onward/frames: ")):
        root.submit("onward")
    gate = root.places.root / "gate"
    root.film("first", f"wait {gate}")
    root.wait_for("first", ProjectState.RUNNING)
    disk.mkdir()
    root.wait_for("onward", ProjectState.QUEUED)
    disk.rmdir()
    gate.touch()
    says(root, "onward", f"{disk} is not there; is its disk mounted?")
    assert not disk.exists()
    disk.mkdir()
    status = root.wait_for("onward", COMPLETE)
    assert (status.attempt, status.frames) == (1, 1)
