"""The control socket of a real daemon: what each verb answers, and what hostile clients cannot do."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from frame_extractor.contract.process import is_alive
from framed.control.server import FRAME_DEADLINE_S, HELLO_DEADLINE_S, MAX_CONNECTIONS
from framed.ctl.client import CallFailed, connect
from framed.protocol.messages import (
    PROTOCOL,
    ErrorCode,
    Hello,
    HelloReply,
    ProjectState,
    Status,
    StatusReply,
    Submit,
    SubmitReply,
    Submitted,
)
from tests.harness.root import MANUAL, Root, roots
from tests.harness.until import DEADLINE_S, until

COMPLETE, FAILED, CANCELLED = ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED
RUNNING, QUEUED, NEW = ProjectState.RUNNING, ProjectState.QUEUED, ProjectState.NEW


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """One daemon for all tests that change nothing of each other's; films are submitted by hand."""
    for make in roots(tmp_path_factory.mktemp("control")):
        root: Root = make(MANUAL)
        root.start()
        yield root


def refused(root: Root, *projects: str, scene_threshold: float = 30.0) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        root.submit(*projects, scene_threshold=scene_threshold)
    return failed.value


class Raw:
    """A client with nothing but a socket."""

    def __init__(self, root: Root) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(root.places.control_socket))
        self._received = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._received.close()
        self.socket.close()

    def say(self, content: bytes) -> None:
        self.socket.sendall(content, socket.MSG_NOSIGNAL)

    def receive(self) -> dict[str, object] | None:
        """One answer; None when the daemon has closed the connection."""
        try:
            line = self._received.readline()
        except ConnectionResetError:
            return None
        answer: dict[str, object] | None = json.loads(line) if line else None
        return answer

    def hello(self) -> Raw:
        self.say(b'{"jsonrpc":"2.0","id":0,"method":"hello","params":{"protocol":"1.0"}}\n')
        answer = self.receive()
        assert answer is not None
        assert "result" in answer
        return self


def code_of(answer: dict[str, object] | None) -> object:
    assert answer is not None
    error = answer["error"]
    assert isinstance(error, dict)
    return error["code"]


def test_film_is_new_until_somebody_submits_it(shared: Root) -> None:
    """With `auto_submit: false` nothing starts by itself."""
    shared.film("new")
    until(lambda: (now := shared.status("new")) and now.state is NEW, "the film has settled")
    assert shared.submit("new").outcomes[0].outcome is Submitted.QUEUED
    shared.wait_for("new", COMPLETE)


def test_submit_starts_as_soon_as_the_film_has_settled(shared: Root) -> None:
    """Also of a film that no scan has seen yet."""
    shared.film("quick")
    outcome = shared.submit("quick").outcomes[0]
    assert shared.wait_for("quick", COMPLETE).job_id == outcome.job_id


def test_unknown_project_is_named_with_the_nearest(shared: Root) -> None:
    """And nothing of the same request is submitted."""
    shared.film("onward")
    until(lambda: shared.status("onward"), "the project is known")
    failed = refused(shared, "onward", "onwrad")
    assert failed.code == ErrorCode.NO_SUCH_PROJECT
    assert "did you mean 'onward'" in str(failed)
    status = shared.status("onward")
    assert status is not None
    assert status.job_id is None


def test_refused_project_without_a_film_is_given_folder_and_extensions(shared: Root) -> None:
    (shared.places.films_dir("hollow")).mkdir()
    (shared.places.films_dir("hollow") / "notes.txt").touch()
    failed = refused(shared, "hollow")
    assert failed.code == ErrorCode.NO_FILM
    assert str(shared.places.films_dir("hollow")) in str(failed)
    assert ".mkv" in str(failed)


def test_bad_settings_are_refused_with_file_and_key(shared: Root) -> None:
    """In the project's file, and on the command line."""
    shared.film("typo")
    shared.places.projects.mkdir(parents=True, exist_ok=True)
    shared.places.project_file("typo").write_text("frame_extraction: {frames_per_scen: 3}\n", encoding="utf-8")
    failed = refused(shared, "typo")
    assert failed.code == ErrorCode.BAD_SETTINGS
    assert "typo.yaml" in str(failed)
    assert "frames_per_scene" in str(failed)
    shared.film("wide")
    assert refused(shared, "wide", scene_threshold=-3.0).code == ErrorCode.BAD_SETTINGS


def test_running_project_with_the_same_settings_is_said_to_run(shared: Root) -> None:
    """And one with other settings is refused with both shown; force is another setting."""
    shared.film("busy", "run 600")
    job_id = shared.submit("busy").outcomes[0].job_id
    shared.wait_for("busy", RUNNING)
    again = shared.submit("busy").outcomes[0]
    assert (again.outcome, again.job_id) == (Submitted.ALREADY_RUNNING, job_id)
    failed = refused(shared, "busy", scene_threshold=25.0)
    assert failed.code == ErrorCode.REFUSED
    assert "scene_threshold 30.0" in str(failed)
    assert "scene_threshold 25.0" in str(failed)
    with pytest.raises(CallFailed, match="with force true as asked"):
        shared.submit("busy", force=True)
    shared.cancel("busy")


def test_replacing_ends_what_runs_and_begins_again(shared: Root) -> None:
    """Once for one key; the same settings replace nothing, others need `replace` again; the job's id is promised."""
    gate = shared.places.root / "replaced"
    shared.film("other", f"wait {gate}")
    first = shared.submit("other").outcomes[0].job_id
    process = shared.extractor("other")
    shared.wait_for("other", RUNNING)
    assert shared.submit("other", replace=True).outcomes[0].outcome is Submitted.ALREADY_RUNNING
    replaced = shared.submit("other", replace=True, key="replace-other", scene_threshold=25.0)
    [outcome] = replaced.outcomes
    assert outcome.outcome is Submitted.QUEUED
    assert outcome.job_id not in (first, None)
    assert shared.submit("other", replace=True, key="replace-other", scene_threshold=25.0) == replaced
    shared.extractor("other", attempt=2)
    assert not is_alive(process)
    assert shared.wait_for("other", RUNNING).job_id == outcome.job_id
    gate.touch()
    assert shared.wait_for("other", COMPLETE).job_id == outcome.job_id
    assert '"scene_threshold": 25.0' in shared.layout("other").spec(2).read_text(encoding="utf-8")
    assert len(shared.attempts("other")) == 2


def test_what_replaces_can_itself_be_replaced_and_cancelled(shared: Root) -> None:
    """While the extractor before takes its time to end."""
    shared.film("slow", "stubborn run 600")
    shared.submit("slow")
    process = shared.extractor("slow")
    shared.wait_for("slow", RUNNING)
    os.kill(process.pid, signal.SIGSTOP)
    first = shared.submit("slow", replace=True, scene_threshold=25.0).outcomes[0]
    assert shared.submit("slow", scene_threshold=25.0).outcomes[0].job_id == first.job_id
    assert "about to run again with scene_threshold 25.0" in str(refused(shared, "slow", scene_threshold=20.0))
    second = shared.submit("slow", replace=True, scene_threshold=20.0).outcomes[0]
    assert (second.outcome, second.job_id) == (Submitted.QUEUED, first.job_id)
    assert shared.cancel("slow").outcomes[0].cancelled
    assert shared.wait_for("slow", CANCELLED).job_id != first.job_id
    assert len(shared.attempts("slow")) == 1


def test_extracted_project_is_extracted_again_only_by_force_or_other_settings(shared: Root) -> None:
    shared.film("done")
    first = shared.submit("done").outcomes[0].job_id
    shared.wait_for("done", COMPLETE)
    assert shared.submit("done").outcomes[0].outcome is Submitted.ALREADY_COMPLETE
    second = shared.submit("done", force=True).outcomes[0].job_id
    assert second != first
    until(lambda: (now := shared.status("done")) and now.job_id == second and now.state is COMPLETE, "forced")
    assert '"force": true' in shared.layout("done").spec(2).read_text(encoding="utf-8")
    assert shared.submit("done", mode="scene").outcomes[0].outcome is Submitted.QUEUED


def test_project_whose_images_are_gone_is_not_taken_for_extracted(shared: Root) -> None:
    """Neither by `submit` nor by status, which names the film; that it was extracted once, its results still say."""
    shared.film("emptied")
    shared.submit("emptied")
    assert shared.wait_for("emptied", COMPLETE).frames == 1
    shutil.rmtree(shared.layout("emptied").frames_dir)
    until(lambda: (now := shared.status("emptied")) and now.frames == 0, "the images are missed")
    status = shared.status("emptied")
    assert status is not None
    reason = "the images of film.mp4 are gone; framectl submit emptied extracts them again"
    assert (status.state, status.reason) == (COMPLETE, reason)
    outcome = shared.submit("emptied").outcomes[0]
    assert outcome.outcome is Submitted.QUEUED
    until(lambda: (now := shared.status("emptied")) and now.job_id == outcome.job_id, "the second job")
    again = shared.wait_for("emptied", COMPLETE)
    assert (again.frames, again.reason) == (1, "")


def test_queued_project_takes_other_settings(new_root: Callable[..., Root]) -> None:
    """The job that waits is changed, and runs with what was asked last."""
    root = new_root(MANUAL.replace("slots: 4, max_active: 4", "slots: 1, max_active: 1"))
    gate = root.places.root / "gate"
    root.start()
    root.film("a", f"wait {gate}")
    root.submit("a")
    root.wait_for("a", RUNNING)
    root.film("b")
    first = root.submit("b").outcomes[0]
    same = root.submit("b").outcomes[0]
    assert (same.outcome, same.job_id) == (Submitted.ALREADY_RUNNING, first.job_id)
    changed = root.submit("b", interval_seconds=25.0).outcomes[0]
    assert (changed.outcome, changed.job_id) == (Submitted.QUEUED, first.job_id)
    assert "interval_seconds 25.0 instead of interval_seconds 2.0" in changed.message
    gate.touch()
    root.wait_for("b", COMPLETE)
    assert '"interval_seconds": 25.0' in root.layout("b").spec(1).read_text(encoding="utf-8")


def test_failed_project_that_is_submitted_again_runs_again(shared: Root) -> None:
    """The user's word counts more than the verdict."""
    shared.film("bad", "exit 65 1")
    shared.submit("bad")
    shared.wait_for("bad", FAILED)
    shared.submit("bad")
    shared.wait_for("bad", COMPLETE)


def test_same_key_gives_the_same_answer_and_no_second_job(shared: Root) -> None:
    """Also when it is sent again after the job is over."""
    shared.film("once")
    first = shared.submit("once", key="the-same-key")
    shared.wait_for("once", COMPLETE)
    assert shared.submit("once", key="the-same-key") == first
    assert len(shared.attempts("once")) == 1


def test_cancel_of_nothing_says_so(shared: Root) -> None:
    shared.film("idle")
    outcome = shared.cancel("idle").outcomes[0]
    assert (outcome.cancelled, outcome.message) == (False, "nothing of it is queued or running")
    with pytest.raises(CallFailed) as failed:
        shared.cancel("never-heard-of")
    assert failed.value.code == ErrorCode.NO_SUCH_PROJECT


def test_budget_is_shared_among_the_active(new_root: Callable[..., Root]) -> None:
    """Two projects that ask for all of four slots get two each; a third waits for a place."""
    settings = MANUAL.replace("max_active: 4", "max_active: 2")
    root = new_root(settings.replace("workers_per_project: 1", "workers_per_project: auto"))
    root.start()
    for name in ("a", "b", "c"):
        root.film(name, "run 600")
    until(lambda: len([s for s in root.statuses().values() if s.state is NEW]) == 3, "all have settled")
    root.submit("a", "b", "c")
    assert (root.wait_for("a", RUNNING).workers, root.wait_for("b", RUNNING).workers) == (2, 2)
    root.wait_for("c", QUEUED, reason="waiting for a place: 2 of 2 projects running")
    with connect(root.places) as client:
        slots = client.call("status", Status(), StatusReply).slots
    assert (slots.used, slots.total, slots.running_projects, slots.max_active) == (4, 4, 2, 2)


def test_status_includes_the_machine_and_refuses_an_unknown_project(shared: Root) -> None:
    with connect(shared.places) as client:
        assert client.call("status", Status(), StatusReply).machine.memory_total_bytes > 0
        with pytest.raises(CallFailed, match="no project"):
            client.call("status", Status(projects=("never-heard-of",)), StatusReply)


def test_hello_says_who_answers(shared: Root) -> None:
    with connect(shared.places) as client:
        reply = client.call("hello", Hello(), HelloReply)
    assert (reply.protocol, reply.root) == (PROTOCOL, str(shared.places.root))


def test_other_major_version_is_refused_and_another_minor_is_not(shared: Root) -> None:
    with Raw(shared) as raw:
        raw.say(b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":"2.0"}}\n')
        assert code_of(raw.receive()) == ErrorCode.PROTOCOL_MISMATCH
        for minor in (b"1.7", b"1.0"):
            raw.say(b'{"jsonrpc":"2.0","id":2,"method":"hello","params":{"protocol":"%b"}}\n' % minor)
            answer = raw.receive()
            assert answer is not None
            assert "result" in answer


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.PARSE),
        (b"\0\0\0\0\n", ErrorCode.PARSE),
        (b"[" * 100_000 + b"\n", ErrorCode.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"hello","params":' + b"[" * 100_000 + b"\n", ErrorCode.PARSE),
        (b'{"jsonrpc":"2.0","id":7}\n', ErrorCode.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"status"}\n', ErrorCode.INVALID_REQUEST),
        (b"x" * (1 << 20) + b"xx", ErrorCode.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":17}}\n', ErrorCode.INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","id":1,"method":"format_disk"}\n', ErrorCode.UNKNOWN_METHOD),
    ],
)
def test_malformed_input_is_answered(shared: Root, content: bytes, code: ErrorCode) -> None:
    """One error each, and others are served meanwhile."""
    with Raw(shared) as raw:
        raw.say(content)
        assert code_of(raw.receive()) == code
    assert shared.reply().slots.total == 4


def test_unknown_field_is_named_and_the_connection_goes_on(shared: Root) -> None:
    with Raw(shared).hello() as raw:
        raw.say(b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"project":["a"]}}\n')
        answer = raw.receive()
        assert code_of(answer) == ErrorCode.INVALID_PARAMS
        assert "project" in str(answer)
        raw.say(b'{"jsonrpc":"2.0","id":2,"method":"status"}\n')
        answer = raw.receive()
        assert answer is not None
        assert answer["id"] == 2


def test_ten_megabytes_without_a_newline_are_cut_off(shared: Root) -> None:
    """The connection is closed long before."""
    with Raw(shared).hello() as raw, pytest.raises((BrokenPipeError, ConnectionResetError)):
        raw.say(b"x" * 10_000_000)
    assert shared.reply().slots.total == 4


def test_slow_client_is_closed_like_a_silent_one(shared: Root) -> None:
    """One byte now and then wins no time: the deadline is that of the greeting or of the message as a whole. Who ends
    each message with the beginning of the next is served on.
    """
    request = b'{"jsonrpc":"2.0","id":1,"method":"hello"}\n'
    ended_s: dict[str, float] = {}
    began_s = time.monotonic()
    with Raw(shared) as silent, Raw(shared) as stranger, Raw(shared).hello() as dripping, Raw(shared).hello() as busy:
        busy.say(request[:20])
        clients = {silent.socket: "silent", stranger.socket: "stranger", dripping.socket: "dripping"}
        while clients:
            assert time.monotonic() - began_s < DEADLINE_S, f"not closed: {sorted(clients.values())}"
            for closed in select.select(list(clients), [], [], 0.5)[0]:
                ended_s[clients.pop(closed)] = time.monotonic() - began_s
            for client in clients:
                with contextlib.suppress(BrokenPipeError):
                    client.sendall(b"" if client is silent.socket else b"{")
            busy.say(request[20:] + request[:20])
            assert busy.receive() is not None
    assert min(ended_s["silent"], ended_s["stranger"]) > HELLO_DEADLINE_S - 0.1
    assert ended_s["dripping"] > FRAME_DEADLINE_S - 0.1


def test_many_idle_connections_do_not_keep_others_out(shared: Root) -> None:
    """The one that was idle longest gives way."""
    idle = [Raw(shared).hello() for _ in range(MAX_CONNECTIONS)]
    try:
        assert shared.reply().slots.total == 4
        assert idle[0].receive() is None
        idle[-1].say(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
        assert idle[-1].receive() is not None
    finally:
        for each in idle:
            each.__exit__()


def test_several_requests_in_one_packet_are_all_answered(shared: Root) -> None:
    """In order, also when a client does not wait."""
    with Raw(shared).hello() as raw:
        raw.say(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"status"}\n' % number for number in range(20)))
        answers = [raw.receive() for _ in range(20)]
    assert [answer and answer["id"] for answer in answers] == list(range(20))


def test_submits_at_the_same_time_make_one_job(shared: Root) -> None:
    """Twenty clients, one project."""
    shared.film("race", "run 600")
    clients = [Raw(shared).hello() for _ in range(20)]
    for number, client in enumerate(clients):
        params = json.dumps({"projects": ["race"], "key": f"race-{number}"})
        client.say(f'{{"jsonrpc":"2.0","id":1,"method":"submit","params":{params}}}\n'.encode())
    answers = [client.receive() for client in clients]
    for client in clients:
        client.__exit__()
    job_ids = {str(answer["result"]).split("'job_id': '")[1][:12] for answer in answers if answer}
    assert len(job_ids) == 1
    with connect(shared.places) as client_of_all:
        again = client_of_all.call("submit", Submit(projects=("race",), key="race-0"), SubmitReply)
    assert again.outcomes[0].job_id in job_ids
    shared.cancel("race")
