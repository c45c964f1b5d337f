"""Images that a user has deleted stay deleted, whatever is extracted again; images that are lost are made again."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from frame_extractor.attempt.clean import clean, clean_films
from frame_extractor.attempt.runner import Ending
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.versions import SCHEMA
from frame_extractor.errors import NewerSchema
from frame_extractor.output.manifest import read_output
from frame_extractor.output.removals import Removals
from tests.harness.attempts import Project, at_picture, raising

OTHER = ExtractionSettings(interval_seconds=1.0)
"""Twice as many pictures, each of the old ones under another name."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("Ep1.mkv")
    return project


def lines(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.layout.manifest.read_text().splitlines()]


def frames(project: Project) -> set[int]:
    """Of the images that are there."""
    return {int(name.split("frame")[1][:6]) for name in project.images()}


def removed(project: Project) -> set[int]:
    return {line["frame_index"] for line in lines(project) if line.get("removed")}


def delete(project: Project, *indices: int) -> None:
    for index in indices:
        [path] = project.layout.frames_dir.rglob(f"*frame{index:06d}*.jpg")
        path.unlink()


def asked(project: Project, how: str, job_id: str | None = None) -> Ending:
    return project.attempt(force=how == "force", restore=how == "restore", job_id=job_id)


def counts(project: Project) -> tuple[int, int, int]:
    """Images and removed ones of the first film, and images of all."""
    results: dict[str, Any] = json.loads(project.layout.results.read_text())
    film = results["films"][0]
    return film["images"], film["removed"], results["total_frames"]


def test_deleted_image_is_removed_and_its_film_complete(project: Project) -> None:
    """The results say so, with all that is known of the image."""
    project.attempt()
    before = lines(project)
    delete(project, 24, 48)
    ending = project.attempt()
    assert (ending.code, ending.n_skipped, ending.images) == (ExitCode.DONE, 1, 2)
    assert counts(project) == (2, 2, 2)
    assert lines(project) == [line | ({"removed": True} if line["frame_index"] in (24, 48) else {}) for line in before]
    assert "2 images, 2 removed by you; --restore brings them back" in project.screen.notes[0]
    assert Removals(project.layout).of(read_only_film(project)) == {24, 48}
    saved = project.layout.results.read_bytes()
    assert project.attempt().n_skipped == 1
    assert project.layout.results.read_bytes() == saved, "nothing is news"


def read_only_film(project: Project) -> str:
    return str(project.results()["films"][0]["fingerprint"])


def test_removed_frame_does_not_come_back_with_other_settings(project: Project) -> None:
    """Under whatever name; it counts as picked. Nor when it was not picked for a while."""
    project.attempt()
    delete(project, 24, 48)
    project.attempt(settings=OTHER)
    assert frames(project) == {0, 12, 36, 60, 72, 84}
    assert removed(project) == {24, 48}
    assert counts(project) == (6, 2, 6)
    project.attempt(settings=ExtractionSettings(interval_seconds=8.0))
    assert (frames(project), removed(project)) == ({0}, set())
    project.attempt()
    assert (frames(project), removed(project)) == ({0, 72}, {24, 48})


def test_removed_frame_does_not_come_back_with_another_quality(project: Project) -> None:
    project.attempt()
    delete(project, 24)
    project.attempt(settings=ExtractionSettings(quality="low"))  # type: ignore[arg-type]
    assert (frames(project), removed(project)) == ({0, 48, 72}, {24})


@pytest.mark.parametrize("how", ["images", "folder"])
def test_film_that_has_lost_all_images_has_them_made_again(project: Project, how: str) -> None:
    """But for those that had been removed before that."""
    project.attempt()
    delete(project, 24)
    project.attempt()
    if how == "folder":
        shutil.rmtree(project.layout.frames_dir)
    else:
        delete(project, 0, 48, 72)
    assert project.attempt().code is ExitCode.DONE
    assert project.pipeline.extracted == ["Ep1.mkv"]
    assert (frames(project), removed(project)) == ({0, 48, 72}, {24})


@pytest.mark.parametrize("is_noticed", [False, True])
@pytest.mark.parametrize("how", ["force", "restore"])
def test_removed_images_come_back_when_that_is_asked_for(project: Project, how: str, *, is_noticed: bool) -> None:
    """And are as any other from then on, of every film that was asked for."""
    project.add("Ep2.mkv")
    project.attempt()
    for path in project.layout.frames_dir.rglob("*frame000024*.jpg"):
        path.unlink()
    if is_noticed:
        project.attempt()
    assert asked(project, how).code is ExitCode.DONE
    assert len(project.images()) == 8
    assert removed(project) == set()
    assert counts(project) == (4, 0, 8)
    project.attempt(settings=OTHER)
    assert len(project.images()) == 16


def test_restore_extracts_nothing_of_a_film_of_which_nothing_is_removed(project: Project) -> None:
    project.add("Ep2.mkv")
    project.attempt()
    delete_of_second = next((project.layout.frames_dir / "Ep2.mkv").iterdir())
    delete_of_second.unlink()
    ending = project.attempt(restore=True)
    assert (project.pipeline.extracted, ending.n_skipped) == (["Ep2.mkv"], 1)


def test_frame_that_is_not_picked_now_is_restored_as_well(project: Project) -> None:
    project.attempt()
    delete(project, 24)
    project.attempt(settings=ExtractionSettings(interval_seconds=8.0))
    project.attempt(restore=True, settings=ExtractionSettings(interval_seconds=8.0))
    project.attempt()
    assert frames(project) == {0, 24, 48, 72}


@pytest.mark.parametrize("how", ["force", "restore"])
def test_retry_of_a_job_does_not_undo_what_its_user_removes_of_it(project: Project, how: str) -> None:
    """What was asked for was what had been there before the job."""
    project.add("Ep2.mkv")
    project.attempt()
    for path in project.layout.frames_dir.rglob("*frame000024*.jpg"):
        path.unlink()
    second = at_second_film(project, raising(OSError(errno.ENOSPC, "full")))
    project.pipeline.before_picture = second
    assert asked(project, how, job_id="job").code is ExitCode.DISK_FULL
    flat = {path.name for path in project.layout.frames_dir.glob("*.jpg")}
    assert len(flat) == 4
    delete_flat(project, 48)
    project.pipeline.before_picture = lambda _number: None
    assert asked(project, how, job_id="job").code is ExitCode.DONE
    assert removed(project) == {48}
    assert len(project.images()) == 7


def at_second_film(project: Project, act: Any) -> Any:
    def before(number: int) -> None:
        if len(project.pipeline.extracted) == 2 and number == 2:
            act()

    return before


def delete_flat(project: Project, index: int) -> None:
    next(project.layout.frames_dir.glob(f"*frame{index:06d}*.jpg")).unlink()


def test_image_that_is_put_back_is_an_image_again(project: Project) -> None:
    """From the wastebasket, under its name and as it was."""
    project.attempt()
    path = next(project.layout.frames_dir.glob("*frame000024*.jpg"))
    away = path.rename(project.folder / "wastebasket.jpg")
    project.attempt()
    assert removed(project) == {24}
    away.rename(path)
    project.attempt()
    assert removed(project) == set()
    project.attempt(settings=OTHER)
    assert frames(project) >= {24}


@pytest.mark.parametrize("is_listed", [False, True])
def test_image_that_is_deleted_while_its_film_is_extracted_stays_deleted(project: Project, *, is_listed: bool) -> None:
    """A new one, or one of the set that is being replaced."""
    if is_listed:
        project.attempt()
    project.pipeline.before_picture = at_picture(2, lambda: delete(project, 0))
    assert project.attempt(settings=OTHER).code is ExitCode.DONE
    assert frames(project) == {12, 24, 36, 48, 60, 72, 84}
    assert removed(project) == {0}
    assert counts(project) == (7, 1, 7)


@pytest.mark.parametrize("ending", [ExitCode.TERMINATED, ExitCode.DISK_FULL])
def test_image_that_is_deleted_between_two_attempts_stays_deleted(project: Project, ending: ExitCode) -> None:
    """Of a film that is not complete yet, as often as its attempts are cut off; the last that was noted may be ours."""
    act = raising(OSError(errno.ENOSPC, "full"))
    if ending is ExitCode.TERMINATED:
        act = lambda: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
    project.pipeline.before_picture = at_picture(5, act)
    assert project.attempt(settings=OTHER).code is ending
    delete(project, 12, 24)
    for n_pictures in (4, 3, 6):
        project.pipeline.before_picture = at_picture(n_pictures, act)
        assert project.attempt(settings=OTHER).code is ending
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt(settings=OTHER).code is ExitCode.DONE
    assert frames(project) == {0, 36, 48, 60, 72, 84}
    assert removed(project) == {12, 24}


def test_images_that_a_power_cut_may_have_taken_are_made_again(project: Project) -> None:
    """The journal was on the disk before they were."""
    project.pipeline.before_picture = at_picture(3, raising(OSError(errno.ENOSPC, "full")))
    project.attempt()
    delete(project, 0)
    [journal] = (project.layout.control / "publishing").iterdir()
    header, *images = journal.read_text().splitlines()
    earlier = json.dumps(json.loads(header) | {"boot_id": "the boot before"})
    journal.write_text("\n".join([earlier, *images]) + "\n")
    project.pipeline.before_picture = lambda _number: None
    project.attempt()
    assert frames(project) == {0, 24, 48, 72}


def test_image_that_an_attempt_noted_last_is_made_again(project: Project) -> None:
    """Cut off between the note of an image and the image, once; the next attempt does not get as far."""
    project.pipeline.before_picture = at_picture(3, raising(OSError(errno.ENOSPC, "full")))
    project.attempt()
    delete(project, 48)
    project.pipeline.before_picture = at_picture(1, raising(OSError(errno.ENOSPC, "full")))
    project.attempt()
    project.pipeline.before_picture = lambda _number: None
    project.attempt()
    assert (frames(project), removed(project)) == ({0, 24, 48, 72}, set())


@pytest.mark.parametrize("lost", ["removals.json", "frames.jsonl", "damaged"])
def test_either_record_is_enough(project: Project, lost: str) -> None:
    """A damaged one is set aside."""
    project.attempt()
    delete(project, 24)
    project.attempt()
    path = Removals(project.layout).path
    if lost == "damaged":
        path.write_text('{"films": 3}')
    else:
        (path if lost == path.name else project.layout.manifest).unlink()
    assert project.attempt(settings=OTHER).code is ExitCode.DONE
    assert removed(project) == {24}
    assert 24 not in frames(project)
    assert path.with_name("removals.json.aside-1").exists() == (lost == "damaged")


def test_record_of_a_later_version_is_left_alone(project: Project) -> None:
    project.attempt()
    path = Removals(project.layout).path
    path.write_text(json.dumps({"schema": SCHEMA + 1}))
    with pytest.raises(NewerSchema):
        read_output(project.layout)
    assert project.attempt().code is ExitCode.BAD_SETTINGS


def test_film_whose_every_picked_frame_is_removed_is_complete(project: Project) -> None:
    """Nothing of it is lost, since nothing is to be there."""
    project.attempt()
    delete(project, 0)
    project.attempt()
    few = ExtractionSettings(interval_seconds=8.0)
    project.attempt(settings=few)
    assert (project.images(), removed(project)) == (set(), {0})
    assert project.attempt(settings=few).n_skipped == 1


@pytest.mark.parametrize("whole", [False, True])
def test_clean_forgets_what_was_removed(project: Project, *, whole: bool) -> None:
    """It is the user's word as well, and a later one."""
    project.attempt()
    delete(project, 24)
    project.attempt()
    if whole:
        clean(project.layout)
    else:
        clean_films(project.layout, [read_only_film(project)])
    project.n_attempts = 0 if whole else project.n_attempts
    project.attempt()
    assert frames(project) == {0, 24, 48, 72}


def test_results_without_removed_mean_that_nothing_is(project: Project) -> None:
    """Those of an earlier version."""
    project.attempt()
    results = json.loads(project.layout.results.read_text())
    for film in results["films"]:
        del film["removed"]
    project.layout.results.write_text(json.dumps(results))
    assert project.attempt().n_skipped == 1


def test_removals_are_kept_by_film_and_frame(tmp_path: Path) -> None:
    """And say the same after they were saved."""
    layout = OutputLayout(tmp_path / "frames")
    record = Removals(layout)
    record.save()
    assert not record.path.exists(), "there is nothing to say"
    record.add("a", [3, 1])
    record.add("b", [1])
    record.add("c", [])
    record.restore("a", [3])
    record.save()
    assert json.loads(record.path.read_text()) == {"schema": 1, "films": {"a": [1], "b": [1]}}
    again = Removals(layout)
    assert [again.of(film) for film in "abc"] == [{1}, {1}, set()]
    again.restore("a")
    again.restore("b")
    again.save()
    assert json.loads(record.path.read_text())["films"] == {}
