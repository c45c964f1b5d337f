"""A film's way through the daemon: found, extracted, retried, failed, cancelled."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from frame_extractor.contract.work_folders import WORK_MARKER
from framed.ctl.client import CallFailed
from framed.errors import Exit
from framed.protocol.messages import ProjectState, Submitted
from tests.harness.root import QUICK, Root, stop
from tests.harness.until import until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
NEW, RUNNING, QUEUED, RETRYING = ProjectState.NEW, ProjectState.RUNNING, ProjectState.QUEUED, ProjectState.RETRYING

ONLY_WHEN_ASKED = "scan_interval_s: 60, settle_s: 0, settle_scans: 1, force_polling: true"
"""The disk is scanned when the daemon starts and when somebody submits."""


def noted(root: Root, words: str) -> bool:
    """Whether the completion log says so by now; it is written once the job's new state is safe."""
    log = root.places.completion_log
    return log.exists() and words in log.read_text(encoding="utf-8")


def test_film_dropped_in_is_picked_up_and_completes(root: Root) -> None:
    """Nobody asks for it; its session is gone afterwards, and a line says that it is complete."""
    root.start()
    root.film("onward")
    status = root.wait_for("onward", COMPLETE)
    assert (status.attempt, status.max_attempts, status.frames, status.progress) == (1, 4, 1, 1.0)
    until(lambda: noted(root, "onward: COMPLETE, 1 image"), "a line says that it is complete")
    until(lambda: not root.sessions(), "the session is gone")


def test_nothing_stays_of_a_killed_last_attempt(root: Root) -> None:
    """Half-written images would fill the disk; what framed did not put into `temp/` stays."""
    root.start()
    root.film("onward", f"wait {root.places.root / 'gate'}")
    root.submit("onward", retry=0)
    extractor = root.extractor("onward")
    root.wait_for("onward", RUNNING)
    temp = root.layout("onward").temp
    (temp / "framed-0001" / "film-1").mkdir(parents=True)
    (temp / "framed-0001" / "film-1" / "00000001.jpg").touch()
    (temp / "framed-0001" / WORK_MARKER).touch()
    os.kill(extractor.pid, signal.SIGKILL)
    root.wait_for("onward", FAILED)
    assert not temp.exists()


def test_nothing_stays_of_a_film_that_is_cancelled_while_it_waits_for_its_retry(new_root: Callable[..., Root]) -> None:
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 60, max_s: 60"))
    root.start()
    root.film("onward", "crash")
    root.wait_for("onward", RETRYING)
    temp = root.layout("onward").temp
    (temp / "framed-0001").mkdir(parents=True)
    (temp / "framed-0001" / WORK_MARKER).touch()
    (temp / "notes.txt").touch()
    (temp / "framed-2025").mkdir()
    (temp / "framed-2025" / "mine.txt").touch()
    root.cancel("onward")
    assert sorted(path.name for path in temp.iterdir()) == ["framed-2025", "notes.txt"]
    assert (temp / "framed-2025" / "mine.txt").exists()


def test_status_says_why_a_killed_film_waits(new_root: Callable[..., Root]) -> None:
    """The backoff is shown with what it waits after."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 60, max_s: 60, jitter: 0"))
    root.start()
    root.film("onward", "crash")
    status = root.wait_for("onward", RETRYING)
    assert status.reason.startswith("retry in ")
    assert status.reason.endswith(" s after exit 137 (killed)")


def test_submit_tries_a_film_at_once_that_waits_for_its_retry(new_root: Callable[..., Root]) -> None:
    """Whoever queued it, and as often as a person says so; another film that arrives does not hurry it."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 600, max_s: 600"))
    root.film("onward", "crash 2")
    root.start()
    waiting = root.wait_for("onward", RETRYING)
    root.film("onward", name="another.mkv")
    until(lambda: (now := root.status("onward")) and now.films == 2, "another film is seen")
    assert root.wait_for("onward", RETRYING).job_id == waiting.job_id
    for n_attempts in (2, 3):
        [outcome] = root.submit("onward").outcomes
        assert (outcome.outcome, outcome.job_id) == (Submitted.ALREADY_RUNNING, waiting.job_id)
        assert outcome.message == "was waiting for its next attempt; starts it now"
        root.extractor("onward", attempt=n_attempts)
        root.wait_for("onward", RETRYING, COMPLETE)
    assert root.wait_for("onward", COMPLETE).job_id == waiting.job_id
    assert len(root.attempts("onward")) == 3


def test_bad_film_fails_at_once(root: Root) -> None:
    """The input is bad: no retry; its session stays to be read."""
    root.start()
    root.film("onward", "exit 65")
    status = root.wait_for("onward", FAILED)
    assert (status.attempt, status.reason) == (1, "exit 65 (asked to end with 65)")
    assert root.sessions() == {"frame_extraction_onward"}
    assert len(root.attempts("onward")) == 1


def test_attempts_that_get_further_are_not_counted(root: Root) -> None:
    """Six crashes, each a hundred seconds of film later than the one before, with one retry."""
    root.film("onward", "climb crash 6")
    root.start()
    root.submit("onward", retry=1)
    status = root.wait_for("onward", COMPLETE, FAILED)
    assert (status.state, status.attempt) == (COMPLETE, 2)
    assert [record.attempt for record in root.attempts("onward")] == [1, 2, 3, 4, 5, 6, 7]


def test_failed_film_shows_the_end_of_its_log(root: Root) -> None:
    """Also after a restart, and when the log itself is gone."""
    daemon = root.start()
    root.places.datasets.mkdir(exist_ok=True)
    (root.places.datasets / "onward").touch()
    root.film("onward")
    root.submit("onward", retry=0)
    status = root.wait_for("onward", FAILED)
    [line] = status.last_lines
    assert line.endswith(f"attempt 1 was not started: {status.reason}")
    assert status.log is not None
    Path(status.log).unlink()
    stop(daemon)
    root.start()
    assert root.wait_for("onward", FAILED).last_lines == status.last_lines


def test_full_disk_waits_and_does_not_count(root: Root) -> None:
    """Exit 75 in the first attempts, more of them than there are retries."""
    root.places.projects.mkdir(parents=True)
    root.places.project_file("onward").write_text("frame_extraction: {retry: 0}\n", encoding="utf-8")
    root.start()
    root.film("onward", "exit 75 2")
    assert root.wait_for("onward", COMPLETE).attempt == 1
    assert len(root.attempts("onward")) == 3


def test_no_film_is_submitted_twice_by_itself(root: Root) -> None:
    """Neither a complete one under a new name, nor a failed or cancelled one, nor any of them after a restart."""
    daemon = root.start()
    done = root.film("done")
    root.film("bad", "exit 65")
    root.film("stopped", "run 600")
    root.wait_for("stopped", RUNNING)
    root.cancel("stopped")
    jobs = {name: root.wait_for(name, COMPLETE, FAILED, CANCELLED).job_id for name in ("done", "bad", "stopped")}
    done.rename(done.with_name("renamed.MP4"))
    stop(daemon)
    root.start()
    root.film("marker", "")
    root.wait_for("marker", COMPLETE)
    after = root.statuses()
    assert {name: after[name].job_id for name in jobs} == jobs


def test_film_added_later_is_extracted_and_only_it(root: Root) -> None:
    """The second job of a project is given the new film."""
    root.start()
    root.film("series", name="e01.mkv")
    first = root.wait_for("series", COMPLETE)
    root.film("series", name="e02.mkv")
    until(lambda: (now := root.status("series")) and now.job_id != first.job_id, "a second job")
    root.wait_for("series", COMPLETE)
    assert "e01" not in root.layout("series").spec(2).read_text(encoding="utf-8")


def test_film_that_is_there_at_the_start_waits_for_no_second_scan(new_root: Callable[..., Root]) -> None:
    root = new_root(QUICK.replace("scan_interval_s: 0.2, settle_s: 0.1, settle_scans: 2", ONLY_WHEN_ASKED))
    root.film("onward")
    root.start()
    root.wait_for("onward", COMPLETE)


def test_complete_project_has_at_once_as_many_frames_as_its_results_say(new_root: Callable[..., Root]) -> None:
    """All of the project's, not those of its last attempt, and long before the next scan."""
    root = new_root(QUICK.replace("scan_interval_s: 0.2, settle_s: 0.1, settle_scans: 2", ONLY_WHEN_ASKED))
    root.film("series", name="e01.mkv")
    root.start()
    first = root.wait_for("series", COMPLETE)
    root.film("series", name="e02.mkv")
    root.film("other")
    root.submit("other")
    until(lambda: (now := root.status("series")) and now.job_id != first.job_id, "a second job")
    assert (first.frames, root.wait_for("series", COMPLETE).frames) == (1, 2)
    until(lambda: noted(root, "series: COMPLETE, 2 images"), "a line says how many")


def test_failed_film_is_named_when_a_later_one_of_its_project_completes(root: Root) -> None:
    """COMPLETE is the latest job's word; the film that failed before is not forgotten until it is taken away."""
    root.start()
    bad = root.film("series", "exit 65", name="bad.mkv")
    failed = root.wait_for("series", FAILED)
    root.film("series", name="good.mkv")
    assert root.wait_for("series", COMPLETE).reason == "1 film of the project failed: bad.mkv"
    assert failed.reason == "exit 65 (asked to end with 65)"
    bad.unlink()
    until(lambda: (now := root.status("series")) and not now.reason, "nothing is left to be said")


def test_failed_job_of_several_films_names_those_that_failed(root: Root) -> None:
    """The attempt's last lines do not say."""
    root.film("series", name="e01.mkv")
    for name in ("e02.mkv", "e03.mkv"):
        root.film("series", "exit 65", name=name)
    root.start()
    reason = root.wait_for("series", FAILED).reason
    assert reason == "exit 65 (asked to end with 65); 2 films of the project failed: e02.mkv, e03.mkv"


def test_failed_job_shows_what_of_it_is_done(root: Root) -> None:
    """Two films of three, and their images; also when the last attempt was given but the third."""
    for name in ("e01.mkv", "e02.mkv"):
        root.film("series", name=name)
    root.places.settings_file.write_text(QUICK.replace("workers_per_project: 1", "workers_per_project: 1, retry: 0"))
    root.start()
    root.wait_for("series", COMPLETE)
    root.film("series", "exit 74", name="e03.mkv")
    status = root.wait_for("series", FAILED)
    assert (status.frames, round(status.progress, 3)) == (2, 0.667)


def test_forced_job_that_failed_shows_what_it_has_made_itself(root: Root) -> None:
    """And not what was there before it."""
    for name in ("e01.mkv", "e02.mkv"):
        root.film("series", "exit 65 0" if name == "e01.mkv" else "", name=name)
    root.start()
    root.wait_for("series", COMPLETE)
    bad = root.places.films_dir("series") / "e02.mkv"
    bad.write_text(bad.read_text(encoding="utf-8").replace("\n", "exit 65\n", 1), encoding="utf-8")
    status = root.wait_for("series", FAILED)
    forced = root.submit("series", force=True).outcomes[0].job_id
    assert forced != status.job_id
    until(lambda: (now := root.status("series")) and now.job_id == forced, "the forced job is seen")
    status = root.wait_for("series", FAILED)
    assert (status.progress, status.frames) == (0.5, 2)


def test_progress_does_not_go_back_while_a_film_waits_for_its_retry(new_root: Callable[..., Root]) -> None:
    """What was done is not undone by that; also after a restart."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 600, max_s: 600"))
    root.film("onward", "climb crash")
    daemon = root.start()
    before = root.wait_for("onward", RETRYING)
    assert (before.progress, before.frames) == (0.1, 1)
    stop(daemon)
    root.start()
    after = root.wait_for("onward", RETRYING)
    assert (after.progress, after.frames) == (0.1, 1)


def test_results_of_another_store_are_believed(root: Root) -> None:
    """A film that is complete on the disk is not extracted again by a daemon that has never seen it."""
    daemon = root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)
    stop(daemon)
    for file in root.places.state.glob("framed.db*"):
        file.unlink()
    root.start()
    status = root.wait_for("onward", COMPLETE)
    assert (status.job_id, status.frames) == (None, 1)


def test_queued_film_that_is_cancelled_never_starts(new_root: Callable[..., Root]) -> None:
    """It says what it waits for, and then that it is cancelled."""
    root = new_root(QUICK.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    gate = root.places.root / "gate"
    root.film("a", f"wait {gate}")
    root.start()
    root.wait_for("a", RUNNING)
    root.film("b")
    root.wait_for("b", QUEUED, reason="waiting for a place: 1 of 1 projects running")
    assert root.cancel("b").outcomes[0].cancelled
    gate.touch()
    root.wait_for("a", COMPLETE)
    assert root.wait_for("b", CANCELLED).attempt == 0
    assert not root.attempts("b")


def test_waiting_film_is_cancelled_though_its_disk_is_away(new_root: Callable[..., Root]) -> None:
    """And is not submitted automatically when the disk is back."""
    root = new_root(QUICK.replace("base_s: 0.2, max_s: 1", "base_s: 600, max_s: 600"))
    root.film("onward", "crash")
    root.start()
    job_id = root.wait_for("onward", RETRYING).job_id
    away = root.places.raw_videos.rename(root.places.root / "away")
    assert root.cancel("onward").outcomes[0].cancelled
    away.rename(root.places.raw_videos)
    root.film("marker")
    root.wait_for("marker", COMPLETE)
    assert root.wait_for("onward", CANCELLED).job_id == job_id


def test_session_that_its_user_has_split_is_still_the_films(root: Root) -> None:
    """The retry runs in the film's own pane, and the user's stays as it is."""
    gate = root.places.root / "gate"
    root.start()
    root.film("onward", f"wait {gate}")
    process = root.extractor("onward")
    root.tmux("split-window", "-t", "=frame_extraction_onward:", "--", "sleep", "600")
    os.kill(process.pid, signal.SIGKILL)
    root.extractor("onward", attempt=2)
    panes = root.tmux(
        "list-panes", "-t", "=frame_extraction_onward:", "-F", "#{pane_dead} #{pane_start_command}"
    ).stdout
    assert len(panes.splitlines()) == 2
    assert "0 sleep 600" in panes
    gate.touch()
    assert root.wait_for("onward", COMPLETE).attempt == 2


def test_empty_raw_videos_freezes_and_deletes_nothing(root: Root) -> None:
    """As when its disk is unmounted: what was known stays known, and goes on when it is back."""
    root.start()
    root.film("onward")
    before = root.wait_for("onward", COMPLETE)
    away = root.places.root / "away"
    root.places.raw_videos.rename(away)
    root.places.raw_videos.mkdir()
    notice = (
        f"{root.places.raw_videos} is empty, or its disk is not mounted; until it is back no job is started, "
        "and what is known of the projects is kept"
    )
    until(lambda: root.notices() == (notice,), "it is noticed")
    until(lambda: "its disk is not mounted" in root.log_of(0), "it is logged")
    assert root.status("onward") == before
    root.places.raw_videos.rmdir()
    away.rename(root.places.raw_videos)
    root.film("orion")
    root.wait_for("orion", COMPLETE)
    assert root.wait_for("onward", COMPLETE).job_id == before.job_id
    assert root.notices() == ()


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_project_on_a_disk_that_is_away_is_not_called_unknown(root: Root, how: str) -> None:
    """Whoever submits it, or asks for one that was never seen, is asked whether the disk is mounted."""
    root.start()
    root.film("onward")
    root.wait_for("onward", COMPLETE)
    root.places.raw_videos.rename(root.places.root / "away")
    why = "cannot be read: No such file or directory"
    if how == "empty":
        root.places.raw_videos.mkdir()
        why = "is empty"
    for ask in (lambda: root.submit("onward"), lambda: root.cancel("never seen")):
        with pytest.raises(CallFailed) as refused:
            ask()
        assert str(refused.value) == f"{root.places.raw_videos} {why}; is its disk mounted?"
        assert refused.value.exit_code is Exit.REFUSED


def test_project_that_is_gone_is_not_suggested_for_itself(root: Root) -> None:
    """Its folder was removed; the daemon still knows its job."""
    root.start()
    for project in ("onward", "luca"):
        root.film(project)
        root.wait_for(project, COMPLETE)
    shutil.rmtree(root.places.films_dir("onward"))
    with pytest.raises(CallFailed, match=r"no project 'onward' in .*/raw_videos; there are luca$") as unknown:
        root.submit("onward")
    assert unknown.value.exit_code is Exit.NO_PROJECT


def test_half_downloaded_film_is_not_a_film(root: Root) -> None:
    """It becomes one when it gets its name."""
    root.start()
    part = root.film("onward", name="film.mkv.part")
    root.film("marker")
    root.wait_for("marker", COMPLETE)
    assert not root.attempts("onward")
    part.rename(part.with_suffix(""))
    root.wait_for("onward", COMPLETE)


def test_wrong_settings_file_costs_only_its_own_project(root: Root) -> None:
    """Its NOTE says file and line, also when it has ended; once it is corrected, its films are extracted."""
    root.film("done")
    root.places.projects.mkdir(parents=True)
    root.places.project_file("wrong").write_text(
        "project:\n  release: 2020-02-30\nframe_extraction:\n  retry: !!int x\n"
    )
    root.film("wrong")
    daemon = root.start()
    root.wait_for("done", COMPLETE)
    root.places.project_file("done").write_text("[" * 1000)
    until(lambda: "done.yaml:1: is nested too deeply" in root.statuses()["done"].reason, "done says what is wrong")
    until(lambda: root.statuses()["wrong"].state is NEW, "the film has settled")
    assert "wrong.yaml:4: frame_extraction.retry: is no valid int: 'x'" in root.statuses()["wrong"].reason
    root.film("good")
    root.wait_for("good", COMPLETE)
    stop(daemon)
    root.start()
    root.places.project_file("wrong").write_text("project:\n  release: 2020-02-30\n")
    root.wait_for("wrong", COMPLETE)


def test_longest_name_and_line_ends_in_a_name_are_no_matter(root: Root) -> None:
    """A folder's name may have 255 bytes of any kind but two; the log of neither has a line end in its name."""
    root.start()
    names = ("x" * 255, "two\nlines\x1b")
    for name in names:
        root.film(name)
    for name in names:
        status = root.wait_for(name, COMPLETE, FAILED)
        assert (status.state, status.reason) == (COMPLETE, "")
        assert status.log is not None
        assert Path(status.log).name.isprintable()


def test_folder_whose_name_is_not_utf8_is_reported_and_ends_no_notifications(new_root: Callable[..., Root]) -> None:
    """With scans far apart only a notification finds the next film soon."""
    root = new_root(QUICK.replace("scan_interval_s: 0.2, settle_s: 0.1", "scan_interval_s: 3600, settle_s: 0"))
    root.film("onward")
    root.start()
    os.mkdir(os.fsencode(root.places.raw_videos) + b"/caf\xe9")
    [notice] = until(root.notices, "the folder is named")
    assert notice == r"a folder in raw_videos is skipped: its name caf\xe9 is not UTF-8; rename it"
    assert root.log_of(0).count("is not UTF-8") == 1
    root.film("orion")
    until(lambda: root.status("orion"), "the next film is seen")


def test_extractors_inherit_no_secrets(root: Root) -> None:
    """Not the service manager's socket, nor what else lies in the daemon's environment."""
    root.start(environment={"NOTIFY_SOCKET": "/nowhere", "AWS_SECRET_ACCESS_KEY": "hush"})
    root.film("onward", "run 600")
    environment = Path(f"/proc/{root.extractor('onward').pid}/environ").read_text(encoding="utf-8")
    assert "NOTIFY_SOCKET" not in environment
    assert "hush" not in environment
    assert "PATH=" in environment


def test_unwritable_output_is_reported_and_retried(root: Root) -> None:
    """A file lies where the project's folder should be: exit 73, charged like any failure."""
    root.places.projects.mkdir(parents=True)
    root.places.project_file("onward").write_text("frame_extraction: {retry: 1}\n", encoding="utf-8")
    root.places.datasets.mkdir()
    (root.places.datasets / "onward").touch()
    root.start()
    root.film("onward")
    status = root.wait_for("onward", FAILED)
    assert status.attempt == 2
    assert status.reason.startswith("exit 73 (")
    assert str(root.places.datasets / "onward") in status.reason


def test_log_of_a_job_that_never_ran_says_why(root: Root) -> None:
    """A log that status names is there."""
    root.start()
    root.places.datasets.mkdir(exist_ok=True)
    (root.places.datasets / "onward").touch()
    root.film("onward")
    root.submit("onward", retry=0)
    status = root.wait_for("onward", FAILED)
    assert status.log is not None
    line = Path(status.log).read_text(encoding="utf-8")
    assert f"attempt 1 was not started: {status.reason}" in line
    assert "ERROR" in line


def test_forced_submit_of_a_gone_film_fails_with_the_reason(root: Root) -> None:
    """The film disappears between being submitted and being started."""
    root.places.settings_file.write_text(QUICK.replace("settle_s: 0.1", "settle_s: 1"))
    root.start()
    film = root.film("onward")
    assert root.submit("onward").outcomes[0].outcome is Submitted.QUEUED
    shutil.rmtree(film.parent)
    root.film("other")
    status = root.wait_for("onward", FAILED)
    assert (status.reason, status.log) == (f"no film is left in {film.parent}", None)
