"""One attempt, with a pipeline that fails where the test wants it: exit codes, records, and what is left behind."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from frame_extractor.attempt import film_snapshot, runner
from frame_extractor.attempt.epoch import KEPT_RECORDS
from frame_extractor.contract.attempt_numbers import claim_number
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.work_folders import WORK_MARKER
from frame_extractor.errors import NotAFilm
from tests.harness.attempts import Project, at_picture, raising


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("Ep1.mkv")
    return project


def test_attempt_leaves_images_results_and_records(project: Project) -> None:
    """And nothing else: `temp/` is gone, the progress says done."""
    ending = project.attempt()
    assert ending.code is ExitCode.DONE
    assert len(project.images()) == ending.images == 4
    assert project.results()["total_frames"] == 4  # type: ignore[comparison-overlap]
    assert project.exit_record()["code"] == 0
    assert json.loads(project.layout.started(1).read_text())["process"]["pid"] == os.getpid()
    progress = json.loads(project.layout.progress.read_text())
    assert (progress["fraction"], progress["stage"], progress["images"]) == (1.0, "done", 4)
    assert not project.layout.temp.exists()
    assert "4 images of 1 shot" in project.log()
    assert len(project.screen.results) == 1


def test_complete_film_is_skipped_and_reported(project: Project) -> None:
    project.attempt()
    ending = project.attempt()
    assert (ending.code, ending.n_skipped, project.pipeline.extracted) == (ExitCode.DONE, 1, [])
    assert "already extracted" in project.screen.notes[0]
    assert json.loads(project.layout.progress.read_text())["images"] == 4


@pytest.mark.parametrize(
    ("force", "settings"), [(True, ExtractionSettings()), (False, ExtractionSettings(interval_seconds=4.0))]
)
def test_force_or_other_settings_extract_again(project: Project, force: bool, settings: ExtractionSettings) -> None:
    """The old images are replaced; what else lies there stays."""
    project.attempt()
    caption = project.layout.frames_dir / min(project.images()).replace(".jpg", ".txt")
    caption.write_text("a caption")
    project.attempt(force=force, settings=settings)
    assert project.pipeline.extracted == ["Ep1.mkv"]
    assert len(project.images()) == 4 / settings.interval_seconds * 2
    assert caption.exists()


def test_bad_film_does_not_stop_the_others(project: Project) -> None:
    """It has its reason in the results and the exit record; the good one has its images."""
    project.films.clear()
    project.add("Ep0.mkv", content="not a film")
    project.add("Ep1.mkv")
    ending = project.attempt()
    assert ending.code is ExitCode.NOT_A_FILM
    assert ending.reason == "Ep0.mkv: holds text, not a film"
    assert [(film["name"], film["status"]) for film in project.results()["films"]] == [
        ("Ep0.mkv", "failed"),
        ("Ep1.mkv", "complete"),
    ]
    assert all("/" not in image for image in project.images()), "the first film that is one is flat"
    assert project.screen.failures == [ending.reason]


def test_later_films_have_folders_and_the_first_stays_flat_when_renamed(project: Project) -> None:
    project.attempt()
    project.films[0] = project.films[0].rename(project.folder / "Pilot.mkv")
    project.add("Ep2.mkv")
    project.attempt()
    assert project.pipeline.extracted == ["Ep2.mkv"]
    assert {image.split("/")[0] for image in project.images() if "/" in image} == {"Ep2.mkv"}


def test_fault_is_one_line_for_the_person_and_a_traceback_in_the_log(project: Project) -> None:
    project.pipeline.before_picture = at_picture(2, raising(ZeroDivisionError("by zero")))
    ending = project.attempt()
    assert ending.code is ExitCode.INTERNAL
    assert len(project.screen.failures) == 1
    assert project.screen.failures[0].startswith("Ep1.mkv: internal fault: ZeroDivisionError: by zero (attempts.py")
    assert "Traceback" in project.log()
    assert project.results()["films"][0]["status"] == "failed"
    assert not project.layout.temp.exists()


def test_full_disk_ends_the_attempt_and_leaves_earlier_results(project: Project) -> None:
    """No later film is tried, nothing half-written is under a final name, and the next attempt completes."""
    project.attempt()
    before = project.layout.results.read_bytes()
    project.add("Ep2.mkv")
    project.add("Ep3.mkv")
    project.pipeline.before_picture = at_picture(2, raising(OSError(errno.ENOSPC, "No space left on device", "x.jpg")))
    ending = project.attempt()
    assert ending.code is ExitCode.DISK_FULL
    assert project.pipeline.extracted == ["Ep2.mkv"]
    assert project.exit_record()["code"] == 75
    assert project.layout.results.read_bytes() == before
    assert not project.layout.temp.exists()
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt().code is ExitCode.DONE
    assert len(project.images()) == 12


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGHUP, ExitCode.TERMINATED),
        (signal.SIGINT, ExitCode.INTERRUPTED),
    ],
)
def test_ending_signal_ends_it_in_order(project: Project, number: signal.Signals, code: ExitCode) -> None:
    """With a true exit record, no `temp/`, the handlers as before, and the images so far for the next attempt."""
    before = signal.getsignal(number)
    project.pipeline.before_picture = at_picture(2, lambda: os.kill(os.getpid(), number))
    ending = project.attempt()
    assert ending.code is code
    assert project.exit_record()["code"] == code
    assert not project.layout.temp.exists()
    assert not project.layout.results.exists()
    assert signal.getsignal(number) is before
    assert 2 <= len(project.images()) <= 3
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt().code is ExitCode.DONE
    assert len(project.images()) == 4


def test_interrupted_force_costs_nothing(project: Project) -> None:
    """The old set is still there, complete, and still counts as complete."""
    project.attempt()
    project.pipeline.before_picture = at_picture(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert project.attempt(force=True).code is ExitCode.TERMINATED
    assert project.attempt().n_skipped == 1


def test_only_one_attempt_works_in_a_folder(project: Project) -> None:
    """The second changes nothing, says who holds it, and has its own exit record."""
    project.attempt()
    with project.layout.lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("process 4711 (job other, attempt 9)")
        held.flush()
        before = project.layout.progress.read_bytes()
        ending = project.attempt(force=True)
    assert ending.code is ExitCode.SUPERSEDED
    assert "process 4711" in ending.reason
    assert project.exit_record()["code"] == 76
    assert project.pipeline.extracted == []
    assert project.layout.progress.read_bytes() == before


def test_results_of_the_earlier_tool_mean_extracted(project: Project) -> None:
    """Unless forced; then its results are kept under another name."""
    project.layout.frames_dir.mkdir(parents=True)
    project.layout.results.write_text('{"total_frames": 4523}')
    assert project.attempt().n_skipped == 1
    assert project.pipeline.extracted == []
    assert project.attempt(force=True).code is ExitCode.DONE
    assert len(project.images()) == 4
    assert project.layout.results.with_name("extraction_results.json.aside-1").exists()


OLD_RESULTS = '{"total_frames": 6, "output_dir": "frames"}'


def old_set(project: Project) -> dict[str, str]:
    """Images of the earlier tool, four of them under names that ours are to have, and their results."""
    frames = [(number, number * 24) for number in range(4)] + [(7, 999), (8, 1024)]
    names = {f"scene0000_pos{n}_frame{index:06d}_t{index / 24:.2f}s.jpg": f"old {n}" for n, index in frames}
    project.layout.frames_dir.mkdir(parents=True)
    for name, content in names.items():
        (project.layout.frames_dir / name).write_text(content)
    (project.layout.frames_dir / "scene0000_pos0_frame000000_t0.00s.txt").write_text("a caption")
    project.layout.results.write_text(OLD_RESULTS)
    return names


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.jpg")}


@pytest.mark.parametrize(
    "error", [NotAFilm("Ep1.mkv", "damaged"), OSError(errno.ENOSPC, "full"), ZeroDivisionError(), None]
)
def test_forced_film_that_fails_costs_nothing_of_the_earlier_tools_images(
    project: Project, error: BaseException | None
) -> None:
    """They and their results are what they were, whether another attempt may end better or not."""
    old = old_set(project)
    act = raising(error) if error else lambda: os.kill(os.getpid(), signal.SIGTERM)
    project.pipeline.before_picture = at_picture(3, act)
    assert project.attempt(force=True).code is not ExitCode.DONE
    assert project.layout.results.read_text() == OLD_RESULTS
    assert texts(project.layout.frames_dir).items() >= old.items()
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt(force=True).code is ExitCode.DONE
    assert len(project.images()) == 4
    assert texts(project.layout.folder / "frames.aside-1") == old


def test_earlier_tools_images_are_put_aside_when_those_that_replace_them_are_complete(project: Project) -> None:
    """All of them, so that nobody trains on a mix; and a message says where they are."""
    old = old_set(project)
    project.add("Ep0.mkv", content="not a film")
    assert project.attempt(force=True).code is ExitCode.NOT_A_FILM
    assert set(texts(project.layout.frames_dir)) == set(list(old)[:4])
    assert not set(texts(project.layout.frames_dir).values()) & set(old.values())
    assert (project.layout.frames_dir / "scene0000_pos0_frame000000_t0.00s.txt").exists()
    aside = project.layout.folder / "frames.aside-1"
    assert texts(aside) == old
    assert project.layout.results.with_name("extraction_results.json.aside-1").read_text() == OLD_RESULTS
    [note] = [each for each in project.screen.notes if "aside" in each and "json" not in each]
    assert note.startswith("6 files in frames/ were where images had to be")
    assert str(aside) in note


@pytest.mark.parametrize("kind", ["file", "link"])
def test_film_whose_folder_has_the_name_of_a_file_has_another(project: Project, kind: str) -> None:
    """A link may lead to somebody's own pictures."""
    project.attempt()
    project.add("Ep2.mkv")
    mine = project.folder / "mine"
    mine.mkdir()
    in_the_way = project.layout.frames_dir / "Ep2.mkv"
    if kind == "file":
        in_the_way.write_text("mine")
    else:
        in_the_way.symlink_to(mine)
    assert project.attempt().code is ExitCode.DONE
    folder = project.results()["films"][1]["folder"]
    assert str(folder).startswith("Ep2.mkv-")
    assert len(list((project.layout.frames_dir / str(folder)).iterdir())) == 4
    assert list(mine.iterdir()) == []


def test_results_of_a_later_version_are_left_alone(project: Project) -> None:
    project.layout.frames_dir.mkdir(parents=True)
    project.layout.results.write_text('{"schema": 9, "films": []}')
    assert project.attempt().code is ExitCode.BAD_SETTINGS
    assert project.layout.results.read_text() == '{"schema": 9, "films": []}'


def test_output_that_cannot_be_made_is_reported(project: Project) -> None:
    """A file where a folder should be."""
    (project.folder / "datasets").write_text("in the way")
    ending = project.attempt()
    assert ending.code is ExitCode.OUTPUT_NOT_MADE
    assert str(project.layout.frames_dir) in ending.reason


def test_progress_never_goes_back(project: Project) -> None:
    """Over several films, one of them bad, and is 1 only at the end."""
    project.add("bad.mkv", content="not a film")
    project.add("Ep2.mkv")
    seen: list[float] = []
    project.pipeline.before_picture = lambda _number: seen.append(
        json.loads(project.layout.progress.read_text())["fraction"]
    )
    project.attempt()
    shown = project.screen.fractions
    assert seen == sorted(seen)
    assert shown == sorted(shown)
    assert max(seen) < 1


def test_steps_grow_with_everything_that_is_done(project: Project) -> None:
    """With each film checked, also those that are complete, and with each image that is moved at the end."""

    def steps() -> int:
        n_steps: int = json.loads(project.layout.progress.read_text())["steps"]
        return n_steps

    for force in (False, True):
        project.attempt(force=force)
        assert steps() >= 2 * len(project.images()), "each was made, and each was moved"
    project.add("Ep2.mkv")
    project.attempt()
    project.attempt()
    assert steps() >= 2, "nothing but two films checked"


def test_killed_attempts_leave_no_temp_behind(project: Project) -> None:
    """What a killed one left is cleared by the next, and nothing that is not ours."""
    left = project.layout.work_folder(7) / "pictures"
    left.mkdir(parents=True)
    (left.parent / WORK_MARKER).touch()
    own = project.layout.temp / "somebody's.mkv"
    own.write_text("mine")
    project.attempt()
    assert list(project.layout.temp.iterdir()) == [own]


def test_folders_that_are_merely_called_like_ours_stay(project: Project) -> None:
    """By hand, `-o` may be a folder with a `temp` of its own; no number is taken whose folder somebody else has."""
    others = [project.layout.temp / name / "mine.txt" for name in ("framed-0001", "framed-0003", "framed-2025")]
    for other in others:
        other.parent.mkdir(parents=True)
        other.write_text("mine")
    ending = project.attempt()
    assert ending.code is ExitCode.OUTPUT_NOT_MADE
    assert f"{project.layout.temp / 'framed-0001'} is in the way" in ending.reason
    project.attempt()
    assert claim_number(project.layout) == 4
    assert [path.read_text() for path in others] == ["mine"] * 3
    assert sorted(project.layout.temp.rglob("*.txt")) == others
    assert len(project.images()) == 4


@pytest.mark.parametrize("has_begun", [False, True])
def test_empty_folder_of_an_attempt_that_was_killed_at_once_goes(project: Project, *, has_begun: bool) -> None:
    """By its started record; without one it is nobody knows whose."""
    project.attempt()
    project.layout.work_folder(1).mkdir(parents=True)
    if not has_begun:
        project.layout.started(1).unlink()
    project.attempt()
    assert project.layout.work_folder(1).exists() is not has_begun


def test_log_that_cannot_be_written_costs_nothing(project: Project) -> None:
    (project.folder / "onward.log").mkdir()
    assert project.attempt().code is ExitCode.DONE


def test_same_film_twice_is_extracted_once(project: Project) -> None:
    copy = project.folder / "copy.mkv"
    copy.write_bytes(project.films[0].read_bytes())
    project.films.append(copy)
    assert project.attempt().code is ExitCode.DONE
    assert project.pipeline.extracted == ["Ep1.mkv"]


def test_file_still_being_copied_gives_way_to_the_complete_one(project: Project) -> None:
    """What was extracted of the first part is not taken for the film, and the flat folder is not lost to it."""
    film = project.films[0]

    def grow() -> None:
        film.write_text(film.read_text() + ", and more of it")

    project.pipeline.before_picture = at_picture(2, grow)
    ending = project.attempt()
    assert ending.code is ExitCode.FILM_CHANGED
    assert ending.reason == "Ep1.mkv: the film changed while it was read; it is extracted once it stops changing"
    assert project.images() == set()
    project.pipeline.before_picture = lambda _number: None
    project.pipeline.duration_s = 3.0
    assert project.attempt().code is ExitCode.DONE
    assert len(project.images()) == 3
    assert all("/" not in image for image in project.images())
    assert [film["status"] for film in project.results()["films"]] == ["complete"]


def test_pipe_is_no_film_and_is_not_waited_for(project: Project) -> None:
    """Opening it would block for ever."""
    os.mkfifo(project.folder / "pipe.mkv")
    project.films.append(project.folder / "pipe.mkv")
    assert project.attempt().code is ExitCode.NOT_A_FILM


def _rewrite(film: Path) -> None:
    """In place, as many bytes, none of them where the fingerprint reads."""
    with film.open("r+b") as file:
        file.seek(700 * 1024)
        file.write(b"another film")


def _replace(film: Path) -> None:
    other = film.with_name("next.part")
    other.write_text("another film")
    other.rename(film)


def _touch(film: Path) -> None:
    os.utime(film, ns=(1, 1))


def _rewrite_and_put_back(film: Path) -> None:
    """In place, as many bytes; what a copying tool says of its size and time is what it was."""
    before = film.stat()
    with film.open("r+b") as file:
        file.write(b"another film")
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_rewrite, _replace, _touch, _rewrite_and_put_back])
@pytest.mark.parametrize("when", [1, 3, "killed"])
def test_film_that_changes_while_it_is_read_leaves_nothing(
    project: Project, change: Callable[[Path], None], when: int | str
) -> None:
    """Neither images nor results nor scores, and its successor begins with none of its pictures."""
    film = project.films[0]
    film.write_bytes(bytes(2 << 20))
    if when == "killed":
        project.pipeline.before_picture = at_picture(3, raising(OSError(errno.ENOSPC, "full")))
        assert project.attempt().code is ExitCode.DISK_FULL
        assert project.images()
        change(film)
        project.pipeline.before_picture = lambda _number: None
    else:
        project.pipeline.before_picture = at_picture(int(when), lambda: change(film))
        assert project.attempt().code is ExitCode.FILM_CHANGED
        assert (project.images(), project.layout.results.exists()) == (set(), False)
        assert not any(project.layout.scores.glob("*"))
        project.pipeline.before_picture = lambda _number: None
    ending = project.attempt()
    assert (ending.code, len(project.images())) == (ExitCode.DONE, 4)
    [result] = project.results()["films"]
    assert result["fingerprint"] == film_fingerprint(film)


def test_pictures_of_a_replaced_film_are_not_taken_for_those_of_its_successor(project: Project) -> None:
    """The attempt at the first was killed; a further one at the same film would have found what it had published."""
    project.pipeline.before_picture = at_picture(3, raising(OSError(errno.ENOSPC, "full")))
    for _ in range(2):
        assert project.attempt().code is ExitCode.DISK_FULL
    assert len(project.images()) == 3
    assert len(project.pipeline.reused) == 3
    project.pipeline.reused.clear()
    _replace(project.films[0])
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt().code is ExitCode.DONE
    assert project.pipeline.reused == []
    assert len(project.images()) == 4


def test_pictures_of_a_film_that_was_written_to_since_are_not_taken_for_it(project: Project) -> None:
    """Where its fingerprint does not read, as a download does that had paused; between two attempts."""
    project.films[0].write_bytes(bytes(2 << 20))
    project.pipeline.before_picture = at_picture(3, raising(OSError(errno.ENOSPC, "full")))
    assert project.attempt().code is ExitCode.DISK_FULL
    before = film_fingerprint(project.films[0])
    _rewrite(project.films[0])
    assert film_fingerprint(project.films[0]) == before
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt().code is ExitCode.DONE
    assert project.pipeline.reused == []
    assert len(project.images()) == 4


@pytest.mark.parametrize("fate", ["renamed", "deleted"])
def test_film_whose_name_goes_while_it_is_read_is_complete(project: Project, fate: str) -> None:
    """It is the same film still."""
    film = project.films[0]

    def go() -> None:
        film.rename(film.with_name("Episode one.mkv"))
        if fate == "deleted":
            film.with_name("Episode one.mkv").unlink()

    project.pipeline.before_picture = at_picture(2, go)
    assert project.attempt().code is ExitCode.DONE
    assert len(project.images()) == 4


def test_film_whose_mode_and_links_change_while_it_is_read_is_complete(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that changes its change time alone; its fingerprint is read again, but not for ever."""
    film = project.films[0]
    n_read = 0

    def counted(path: Path) -> str:
        nonlocal n_read
        n_read += 1
        return film_fingerprint(path)

    monkeypatch.setattr(film_snapshot, "film_fingerprint", counted)
    monkeypatch.setattr(runner, "CHECK_FILM_EVERY_S", 0)

    def change(number: int) -> None:
        film.chmod(0o600 + number)
        os.link(film, film.with_name(f"link-{number}"))

    project.pipeline.before_picture = change
    project.pipeline.duration_s = 9.0
    assert project.attempt().code is ExitCode.DONE
    assert len(project.images()) == 9
    assert n_read == 1 + film_snapshot.MAX_REREADS


def test_film_that_is_replaced_while_it_waits_for_its_turn_is_not_read(project: Project) -> None:
    """The films before it may take hours."""
    second = project.add("Ep2.mkv")
    project.pipeline.before_picture = at_picture(2, lambda: _replace(second))
    ending = project.attempt()
    assert (ending.code, ending.n_failed) == (ExitCode.FILM_CHANGED, 1)
    assert project.pipeline.extracted == ["Ep1.mkv"]
    assert [film["name"] for film in project.results()["films"]] == ["Ep1.mkv"]


def test_vanished_film_is_distinguished_from_a_vanished_folder(project: Project) -> None:
    """The first was renamed or deleted, a drive may come back."""
    project.films.append(project.folder / "gone.mkv")
    assert project.attempt().code is ExitCode.FILM_CHANGED
    project.films[-1] = project.folder / "drive" / "gone.mkv"
    assert project.attempt().code is ExitCode.OUTPUT_NOT_WRITTEN


def test_retry_of_a_forced_job_extracts_only_what_the_job_has_not_extracted_yet(project: Project) -> None:
    """By force means: what was there before the job. What is done already counts in the progress."""
    project.add("Ep2.mkv")
    assert project.attempt().code is ExitCode.DONE
    n_films = 0

    def crash_in_the_second_film() -> None:
        nonlocal n_films
        n_films += 1
        if n_films == 2:
            raise OSError(errno.EIO, "gone", str(project.layout.frames_dir))

    project.pipeline.before_picture = at_picture(2, crash_in_the_second_film)
    assert project.attempt(force=True, job_id="forced").code is ExitCode.OUTPUT_NOT_WRITTEN
    assert project.pipeline.extracted == ["Ep1.mkv", "Ep2.mkv"]
    project.pipeline.before_picture = lambda _number: None
    assert project.attempt(force=True, job_id="forced").code is ExitCode.DONE
    assert project.pipeline.extracted == ["Ep2.mkv"]
    assert project.screen.fractions[0] == 0.0
    assert min(fraction for fraction in project.screen.fractions if fraction) >= 0.5
    assert project.attempt(force=True, job_id="forced again").n_skipped == 0


def tree(layout: OutputLayout) -> dict[str, bytes]:
    """Every file of the output folder, but for its lock and what the first attempt says of its end."""
    return {
        str(path.relative_to(layout.folder)): path.read_bytes()
        for path in sorted(layout.folder.rglob("*"))
        if path.is_file() and path not in (layout.exit(1), layout.lock)
    }


@pytest.mark.parametrize("listed", [False, True])
def test_superseded_attempt_changes_nothing_any_more(project: Project, *, listed: bool) -> None:
    """A newer one has begun, though the lock is held: neither images nor records nor another's work folder."""
    found: dict[str, bytes] = {}
    number = 1
    if listed:
        project.attempt()
        number = 2

    def supersede() -> None:
        project.layout.started(number + 1).write_text("{}")
        theirs = project.layout.temp / f"framed-{number + 1:04d}" / "film"
        theirs.mkdir(parents=True)
        (theirs / "000000.jpg").write_text("theirs")
        found.update(tree(project.layout))

    project.pipeline.before_picture = at_picture(2, supersede)
    ending = project.attempt(force=True)
    assert ending.code is ExitCode.SUPERSEDED
    assert f"attempt {number + 1} has begun in " in ending.reason
    own = f"temp/framed-{number:04d}/"
    kept = {name: content for name, content in found.items() if not name.startswith(own)}
    assert {name: content for name, content in tree(project.layout).items() if name != _exit(number)} == kept


def _exit(number: int) -> str:
    return f".framed/attempt-{number}.exit.json"


def test_attempt_that_comes_too_late_or_twice_does_not_begin(project: Project) -> None:
    """Started by a tmux that had hung, say, after the next one was through."""
    project.n_attempts = 1
    assert project.attempt().code is ExitCode.DONE
    before = tree(project.layout)
    for number in (1, 2):
        project.n_attempts = number - 1
        assert project.attempt(force=True).code is ExitCode.SUPERSEDED
        assert project.pipeline.extracted == []
        assert {name for name, content in tree(project.layout).items() if before.get(name) != content} <= {
            _exit(number)
        }
    assert not project.layout.started(1).exists()


def test_records_of_attempts_long_past_are_pruned(project: Project) -> None:
    """Numbers go on growing all the same."""
    project.attempt()
    project.n_attempts = KEPT_RECORDS + 10
    project.attempt()
    assert not project.layout.exit(1).exists()
    assert project.layout.exit(KEPT_RECORDS + 11).exists()
    assert claim_number(project.layout) == KEPT_RECORDS + 12
