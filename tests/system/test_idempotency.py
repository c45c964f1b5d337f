"""Idempotency keys of a real daemon: one request for each, whichever verb, however often, and a bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from framed.ctl.client import CallFailed, connect
from framed.protocol.messages import LONGEST_KEY, Clean, CleanReply, Drain, DrainReply, ErrorCode, ProjectState, Undrain
from framed.protocol.verbs import VERBS
from tests.harness.root import MANUAL, Root, roots, stop

KEYED = [name for name, verb in VERBS.items() if verb.is_keyed]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    for make in roots(tmp_path_factory.mktemp("keys")):
        root: Root = make(MANUAL)
        root.start()
        yield root


def request_of(verb: str, project: str, key: str) -> msgspec.Struct:
    kind = VERBS[verb].params
    fields = kind.__struct_fields__
    about: dict[str, Any] = {"project": project} if "project" in fields else {}
    if "projects" in fields:
        about = {"projects": (project,)}
    request: msgspec.Struct = kind(key=key, **about)
    return request


def call(root: Root, verb: str, project: str, key: str) -> msgspec.Struct:
    with connect(root.places) as daemon:
        reply: msgspec.Struct = daemon.call(verb, request_of(verb, project, key), VERBS[verb].reply)
    return reply


def failure(root: Root, verb: str, project: str, key: str) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        call(root, verb, project, key)
    return failed.value


@pytest.fixture(scope="module")
def extracted(shared: Root) -> Root:
    """With a project `done`, of which one thing or another can be asked."""
    shared.film("done")
    shared.submit("done")
    shared.wait_for("done", ProjectState.COMPLETE)
    return shared


@pytest.mark.parametrize("verb", KEYED)
def test_key_has_bounds(extracted: Root, verb: str) -> None:
    """One of a megabyte, kept 10,000 times, would fill the disk."""
    for key, bound in (("", "1"), ("k" * (LONGEST_KEY + 1), str(LONGEST_KEY))):
        failed = failure(extracted, verb, "done", key)
        assert failed.code == ErrorCode.INVALID_PARAMS
        assert f"= {bound} - at `$.key`" in str(failed)


@pytest.mark.parametrize("verb", [verb for verb in KEYED if verb != "undrain"])
def test_key_of_another_verb_is_refused_and_does_nothing(extracted: Root, verb: str) -> None:
    """Also where the answers of both have the same form."""
    call(extracted, "undrain", "done", f"undrain-{verb}")
    images = sorted(extracted.layout("done").frames_dir.rglob("*"))
    for _ in range(2):
        failed = failure(extracted, verb, "done", f"undrain-{verb}")
        assert failed.code == ErrorCode.REFUSED
        assert f"'undrain-{verb}' has been used by `undrain`" in str(failed)
    assert not extracted.reply().draining
    assert sorted(extracted.layout("done").frames_dir.rglob("*")) == images


@pytest.mark.parametrize("verb", KEYED)
def test_request_that_comes_twice_at_once_is_carried_out_once(extracted: Root, verb: str) -> None:
    """The second waits for the first, and gets its answer."""
    project = "done"
    if verb == "clean":
        project = "twice"
        extracted.film(project)
        extracted.submit(project)
        extracted.wait_for(project, ProjectState.COMPLETE)
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(call, extracted, verb, project, f"twice-{verb}") for _ in range(8)]
        answers = [each.result() for each in asked]
    call(extracted, "undrain", project, f"after-{verb}")
    assert answers == [answers[0]] * 8
    assert call(extracted, verb, project, f"twice-{verb}") == answers[0]
    if isinstance(answers[0], CleanReply):
        assert answers[0].size_bytes > 0


def test_dry_run_of_clean_uses_up_no_key(extracted: Root) -> None:
    extracted.film("dry")
    extracted.submit("dry")
    extracted.wait_for("dry", ProjectState.COMPLETE)
    with connect(extracted.places) as daemon:
        plan = daemon.call("clean", Clean(project="dry", dry_run=True, key="dry"), CleanReply)
        done = daemon.call("clean", Clean(project="dry", key="dry"), CleanReply)
    assert (plan.dry_run, done.dry_run) == (True, False)
    assert not extracted.layout("dry").results.exists()


def test_answers_are_the_same_after_a_restart(new_root: Callable[..., Root]) -> None:
    root = new_root(MANUAL)
    daemon = root.start()
    with connect(root.places) as client:
        first = client.call("drain", Drain(key="k"), DrainReply)
        client.call("undrain", Undrain(key="u"), DrainReply)
    stop(daemon)
    root.start()
    with connect(root.places) as client:
        assert client.call("drain", Drain(key="k"), DrainReply) == first
        with pytest.raises(CallFailed, match="used by `drain`"):
            client.call("undrain", Undrain(key="k"), DrainReply)
    assert not root.reply().draining


def test_state_stays_small_whatever_the_keys(shared: Root) -> None:
    """Sixty requests with keys as long as a request may be made 114 MB."""
    with connect(shared.places) as daemon:
        for number in range(60):
            request = json.dumps({"key": f"{number}{'k' * 900_000}"})
            with pytest.raises(CallFailed):
                daemon.call("undrain", msgspec.Raw(request.encode()), DrainReply)  # type: ignore[arg-type]
    assert sum(path.stat().st_size for path in shared.places.state.glob("framed.db*")) < 10_000_000
