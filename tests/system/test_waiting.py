"""What a project is after its last job, and what `wait` and `submit` make of it: a real daemon, the fake extractor."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from framed.ctl import waiting as waiting_module
from framed.ctl.client import connect
from framed.ctl.reconnecting import ReconnectingClient
from framed.ctl.waiting import wait_for
from framed.errors import Exit
from framed.model.project import Overrides
from framed.protocol.documents import Waited
from framed.protocol.messages import ProjectState, ProjectStatus, Retry, RetryReply, Submit, SubmitReply, Submitted
from tests.harness.root import MANUAL, Root, roots
from tests.harness.until import until

COMPLETE, CANCELLED, RUNNING = ProjectState.COMPLETE, ProjectState.CANCELLED, ProjectState.RUNNING


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("waiting")):
        root: Root = make(MANUAL)
        root.start()
        yield root


def wait(root: Root, *projects: str) -> Waited:
    return wait_for(root.places, projects, 20.0)


def extracted(root: Root, project: str) -> Path:
    """A project that is complete; extracting it again lasts until the gate, which is returned, exists."""
    gate = root.places.root / f"gate-{project}"
    gate.touch()
    root.film(project, f"wait {gate}")
    root.submit(project)
    root.wait_for(project, COMPLETE)
    gate.unlink()
    return gate


def cancelled(root: Root, project: str) -> ProjectStatus:
    """What runs is cancelled."""
    root.wait_for(project, RUNNING)
    root.cancel(project)
    return root.wait_for(project, COMPLETE, CANCELLED)


def test_wait_for_a_project_without_films_ends_with_4(shared: Root, capsys: pytest.CaptureFixture[str]) -> None:
    """At once, saying so; the others are waited for all the same, and a failure counts more."""
    (shared.places.raw_videos / "empty").mkdir()
    shared.film("full")
    shared.film("bad", "exit 65")
    until(lambda: "empty" in shared.statuses(), "the folder is seen")
    shared.submit("full", "bad")
    assert wait(shared, "empty").exit_code == Exit.NO_PROJECT
    assert "empty: nothing to wait for: no film in it" in capsys.readouterr().err
    with_full = wait(shared, "empty", "full")
    assert (with_full.exit_code, [each.state for each in with_full.projects]) == (4, [ProjectState.NEW, COMPLETE])
    assert wait(shared, "empty", "bad").exit_code == Exit.FAILED


def test_cancelled_force_leaves_a_complete_project(shared: Root) -> None:
    """All of its films are extracted: that it is so counts, and that a job was cancelled is said."""
    extracted(shared, "anew")
    shared.submit("anew", force=True)
    now = cancelled(shared, "anew")
    assert (now.state, now.job_state, now.progress, now.frames) == (COMPLETE, CANCELLED, 1.0, 1)
    assert now.reason == "its last job was cancelled (on request); all of its films are extracted"
    assert shared.submit("anew").outcomes[0].outcome is Submitted.ALREADY_COMPLETE
    assert wait(shared, "anew").exit_code == Exit.OK
    with connect(shared.places) as daemon:
        again = daemon.call("retry", Retry(projects=("anew",), key=uuid.uuid4().hex), RetryReply)
    assert again.outcomes[0].outcome is Submitted.QUEUED
    cancelled(shared, "anew")
    shared.film("anew", name="second.mp4")
    shared.wait_for("anew", ProjectState.NEW)


def test_cancelled_other_settings_leave_a_complete_project(shared: Root) -> None:
    """And not one whose images are gone since."""
    extracted(shared, "other")
    shared.submit("other", mode="scene")
    assert cancelled(shared, "other").state is COMPLETE
    assert wait(shared, "other").exit_code == Exit.OK
    shared.layout("other").results.unlink()
    shared.wait_for("other", CANCELLED)


@pytest.mark.parametrize("knows_the_job", [True, False], ids=["submit --wait", "wait"])
def test_who_waits_for_a_job_reads_that_it_was_cancelled(
    shared: Root, knows_the_job: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its films were extracted before: the job that was waited for did not do what it was for."""
    project = f"awaited-{knows_the_job}"
    extracted(shared, project)
    job_id = shared.submit(project, force=True).outcomes[0].job_id
    assert job_id is not None
    shared.wait_for(project, RUNNING)
    first_answer = threading.Event()

    class Reporting(ReconnectingClient):
        def call(self, *request: Any) -> Any:
            answer = super().call(*request)
            first_answer.set()
            return answer

    monkeypatch.setattr(waiting_module, "ReconnectingClient", Reporting)
    with ThreadPoolExecutor() as threads:
        if knows_the_job:
            cancelled(shared, project)
        waiting = threads.submit(
            wait_for, shared.places, (project,), 20.0, jobs={project: job_id} if knows_the_job else None
        )
        if not knows_the_job:
            until(first_answer.is_set, "it is being waited for")
            cancelled(shared, project)
        assert waiting.result().exit_code == Exit.CANCELLED
    assert f"{project} CANCELLED" in capsys.readouterr().out


def test_submit_all_is_submit_of_each(new_root: Callable[..., Root]) -> None:
    """Changed settings, options and --force count, as they do for a project that is named."""
    root = new_root(MANUAL)
    root.start()

    def queued(*, force: bool = False, **overrides: int) -> list[str]:
        given = msgspec.convert(overrides, Overrides)
        request = Submit(every=True, force=force, overrides=given, key=uuid.uuid4().hex)
        with connect(root.places) as daemon:
            outcomes = daemon.call("submit", request, SubmitReply).outcomes
        assert {each.outcome for each in outcomes} <= {Submitted.QUEUED}
        for each in outcomes:
            root.wait_for(each.project, COMPLETE)
        return [each.project for each in outcomes]

    for project in ("a", "b"):
        root.film(project)
    (root.places.raw_videos / "c").mkdir()
    assert queued() == ["a", "b"]
    assert queued() == []
    root.places.project_file("a").parent.mkdir(exist_ok=True)
    root.places.project_file("a").write_text("frame_extraction: {frames_per_scene: 4}\n")
    assert queued() == ["a"]
    assert queued() == []
    assert queued(frames_per_scene=5) == ["a", "b"]
    assert queued() == ["a", "b"]
    assert queued(force=True) == ["a", "b"]
