"""Files and disks that do not answer: the trouble of the projects that have them, and of no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framed.ctl.client import CallFailed, connect
from framed.protocol.messages import ProjectState, Reload, ReloadReply, Submitted
from framed.protocol.queries import AskSettings, Projects, ProjectsReply, SettingsReply, Show, ShowReply
from tests.fakes.dead_disk import dead_disk
from tests.harness.root import Root, stop
from tests.harness.until import until

COMPLETE = ProjectState.COMPLETE


def says(root: Root, project: str, words: str) -> None:
    until(lambda: (now := root.status(project)) and words in now.reason, f"the note of {project} has: {words}")


def test_project_file_that_is_a_pipe_is_its_projects_own_trouble_for_as_long_as_it_is_there(root: Root) -> None:
    """A read of it would wait for ever, for somebody who writes."""
    root.places.projects.mkdir(parents=True)
    pipe = root.places.project_file("odd")
    os.mkfifo(pipe)
    root.film("odd")
    root.film("good")
    root.start()
    root.wait_for("good", COMPLETE)
    words = f"{pipe}: cannot be read: it is a named pipe, not a regular file"
    says(root, "odd", words)
    (outcome,) = root.submit("good", force=True).outcomes
    assert outcome.outcome is Submitted.QUEUED
    with pytest.raises(CallFailed, match="it is a named pipe"):
        root.submit("odd")
    with connect(root.places) as daemon:
        assert daemon.call("show", Show(project="odd"), ShowReply).settings_error == words
    pipe.unlink()
    root.wait_for("odd", COMPLETE)


def test_disk_that_does_not_answer_is_the_trouble_of_the_projects_that_are_on_it(root: Root, tmp_path: Path) -> None:
    """One has its films there, one its settings, one its output; for all others it is as if it were not there."""
    root.places.projects.mkdir(parents=True)
    with dead_disk(tmp_path / "dead") as dead:
        films = root.places.films_dir("films")
        films.symlink_to(dead / "films")
        root.film("good")
        root.film("output")
        root.places.project_file("output").write_text(f"paths: {{frames: {dead}/output/frames}}\n")
        root.film("settings")
        settings = root.places.project_file("settings")
        settings.symlink_to(dead / "settings.yaml")
        daemon = root.start()
        root.wait_for("good", COMPLETE)
        says(root, "films", f"{films} does not answer; is its disk there?")
        says(root, "settings", f"{settings} does not answer; is its disk there?")
        says(root, "output", f"{dead}/output does not answer; is its disk there?")
        root.film("later")
        root.wait_for("later", COMPLETE)
        (outcome,) = root.submit("good", force=True).outcomes
        assert outcome.outcome is Submitted.QUEUED
        with connect(root.places) as client:
            listed = client.call("projects", Projects(), ProjectsReply).projects
        assert [each.name for each in listed] == ["films", "good", "later", "output", "settings"]
    settings.unlink()
    root.places.project_file("output").unlink()
    root.wait_for("settings", COMPLETE)
    root.wait_for("output", COMPLETE)
    until(lambda: root.status("films") is None or "does not answer" not in root.status("films").reason, "it is another")  # type: ignore[union-attr]
    stop(daemon)


def test_settings_file_that_is_no_file_changes_nothing_and_stops_no_command(root: Root) -> None:
    """Neither the daemon that runs, nor whoever would start one."""
    root.film("good")
    root.start()
    root.wait_for("good", COMPLETE)
    root.places.settings_file.unlink()
    os.mkfifo(root.places.settings_file)
    words = f"{root.places.settings_file}: cannot be read: it is a named pipe, not a regular file"
    with connect(root.places) as daemon:
        with pytest.raises(CallFailed, match="it is a named pipe"):
            daemon.call("reload", Reload(), ReloadReply)
        assert daemon.call("settings", AskSettings(), SettingsReply).error == words
    command = [sys.executable, "-m", "framed", "start", "--root", str(root.places.root)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (2, f"framed: {words}\n")


def test_results_that_are_a_pipe_count_for_nothing_and_stop_nobody(root: Root) -> None:
    layout = root.layout("odd")
    layout.folder.mkdir(parents=True)
    os.mkfifo(layout.results)
    root.film("odd", "run 600")
    root.film("good")
    root.start()
    root.wait_for("good", COMPLETE)
    with connect(root.places) as daemon:
        assert daemon.call("show", Show(project="odd"), ShowReply).results is None


def test_log_of_completions_that_is_a_pipe_holds_up_no_project(root: Root) -> None:
    root.places.logs.mkdir(parents=True)
    os.mkfifo(root.places.completion_log)
    root.film("good")
    root.start()
    root.wait_for("good", COMPLETE)
